#!/bin/sh
# Beside the delayed link: an origin in one namespace, a crawl of it from the other, recorded.
# record.sh TESTBED TRACER DIRECTORY SCRIPT SECONDS
set -eu
testbed=$1 tracer=$2 directory=$3 script=$4 seconds=$5
port=8443
ip netns exec "$TRACER_SERVER_NS" "$testbed" origin --listen "$TRACER_SERVER_ADDR:$port" \
    --think-time 25ms --body-bytes 30000 --ca-file "$directory/ca.pem" \
    --name www.example.org --name images.example.org --name api.example.org \
    --name cdn.example.net --name tracker.example.com >"$directory/origin.out" &
origin=$!
trap 'kill $origin' EXIT
until grep -q listening "$directory/origin.out"; do sleep 0.05; done
"$tracer" run --no-tui --quiet --record "$directory/crawl.trace" -- \
    ip netns exec "$TRACER_CLIENT_NS" python3 "$script" "$TRACER_SERVER_ADDR" "$port" "$directory/ca.pem" "$seconds" >"$directory/crawl.out"
