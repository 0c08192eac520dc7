# wget2: wget2.sh PROXY URL ROUNDS COUNT CA HTTP; a process for each round, which keeps its connection.
proxy=$1 url=$2 rounds=$3 count=$4 ca=$5
# wget2 keeps sessions and HSTS below the home directory.
HOME=$(mktemp -d)
export HOME
trap 'rm -rf "$HOME"' EXIT
[ "$proxy" = none ] || set -- "--https-proxy=$proxy" "--http-proxy=$proxy" --no-proxy=
[ "$proxy" != none ] || set --
for _ in $(seq "$rounds"); do
  urls=$(for i in $(seq "$count"); do printf '%s?%s ' "$url" "$i"; done)
  # shellcheck disable=SC2086 # a word for each address
  wget2 -q -O /dev/null "$@" --http2=off --max-threads=1 --ca-certificate="$ca" $urls
done
echo "{\"requests\":$((rounds * count))}"
