# wget: wget.sh PROXY URL ROUNDS COUNT CA HTTP; a process for each round, which keeps its connection.
proxy=$1 url=$2 rounds=$3 count=$4 ca=$5
[ "$proxy" = none ] || set -- -e use_proxy=yes -e "https_proxy=$proxy" -e "http_proxy=$proxy" -e no_proxy=
[ "$proxy" != none ] || set -- --no-proxy
for _ in $(seq "$rounds"); do
  urls=$(for i in $(seq "$count"); do printf '%s?%s ' "$url" "$i"; done)
  # shellcheck disable=SC2086 # a word for each address
  wget -q -O /dev/null "$@" --ca-certificate="$ca" $urls
done
echo "{\"requests\":$((rounds * count))}"
