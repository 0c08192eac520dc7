# Chromium: chromium.sh PROXY URL ROUNDS COUNT CA HTTP; opens one page, whose scripts are the other requests.
proxy=$1 url=$2
profile=$(mktemp -d)
trap 'rm -rf "$profile"' EXIT
case $proxy in
  none) set -- --no-proxy-server ;;
  socks5h://*) set -- "--proxy-server=socks5://${proxy#socks5h://}" '--proxy-bypass-list=<-loopback>;*.com;*.org;*.net' ;;
  *) set -- "--proxy-server=$proxy" '--proxy-bypass-list=<-loopback>;*.com;*.org;*.net' ;;
esac
# The rules for names and proxies keep the browser's own requests on this machine: they go past the proxy, and no other
# name is found.
HOME=$profile chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
  --no-default-browser-check --no-pings --disable-background-networking --disable-component-update \
  --disable-domain-reliability --disable-extensions --disable-sync --disable-http2 --ignore-certificate-errors \
  --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1' \
  --user-data-dir="$profile/data" "$@" --dump-dom "${url}pages" 2>/dev/null | grep -c 'script src' >/dev/null
echo '{}'
