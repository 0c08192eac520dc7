# curl: curl.sh PROXY URL ROUNDS COUNT CA HTTP; a process for each round, which keeps its connection.
proxy=$1 url=$2 rounds=$3 count=$4 ca=$5 http=$6
[ "$proxy" = none ] || set -- -x "$proxy"
[ "$proxy" != none ] || set --
round() {
  urls=$(for i in $(seq "$count"); do printf '%s?%s -o /dev/null ' "$url" "$i"; done)
  # shellcheck disable=SC2086 # a word for each address
  curl -s "$@" "--http$http" --cacert "$ca" -w '%{time_starttransfer} %{time_pretransfer} %{num_connects}\n' $urls
}
for _ in $(seq "$rounds"); do round "$@"; done | awk '
  { times = times (NR == 1 ? "" : ",") sprintf("%.0f", ($1 - $2) * 1e9); connections += $3 }
  END { print "{\"requests\":" NR ",\"connections\":" connections ",\"ttfb_ns\":[" times "]}" }'
