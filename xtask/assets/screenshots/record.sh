#!/bin/sh
# Beside the delayed link: origins and a DNS server in one namespace, a crawl of them from the other, recorded.
# record.sh TESTBED TRACER DIRECTORY SCRIPT SECONDS
set -eu
testbed=$1 tracer=$2 directory=$3 script=$4 seconds=$5
port=443 slow_port=8443
names="--name www.example.org --name images.example.org --name api.example.org --name cdn.example.net --name tracker.example.com"
cd "$directory"
rm -f ./*.out crawl.trace
server() { # its name, then its command
    out=$1.out
    shift
    # shellcheck disable=SC2086 # names are words
    nsenter --net="$TRACER_SERVER_NS" "$testbed" "$@" $names >"$out" &
    servers="$servers $!"
    until grep -q listening "$out"; do
        kill -0 $! || exit 1
        sleep 0.05
    done
}
servers=
trap 'kill $servers' EXIT
server origin origin --listen "$TRACER_SERVER_ADDR:$port" --think-time 20ms --body-bytes 30000 --vary-sizes --ca-file ca.pem
server slow origin --listen "$TRACER_SERVER_ADDR:$slow_port" --think-time 180ms --body-bytes 4000 --ca-file slow.pem
server dns dns --listen "$TRACER_SERVER_ADDR:53" --address "$TRACER_SERVER_ADDR"
cat ca.pem slow.pem >both.pem
echo "nameserver $TRACER_SERVER_ADDR" >resolv.conf
cp "$script" crawl.py
nsenter --net="$TRACER_CLIENT_NS" unshare --mount sh -c '
    mount --bind resolv.conf /etc/resolv.conf
    exec "$@"' - "$tracer" run --no-tui --quiet --record crawl.trace -- \
    python3 crawl.py "$port" "$slow_port" both.pem "$seconds" >crawl.out 2>crawl.err
