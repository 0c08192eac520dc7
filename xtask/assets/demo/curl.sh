#!/bin/sh
# A process for each page, as many a shell script does it.
# curl.sh PORT CERTIFICATE PAGES
for page in $(seq 0 $(($3 - 1))); do
  curl -sSo /dev/null --cacert "$2" --resolve "origin.test:$1:127.0.0.1" "https://origin.test:$1/$page" || exit
done
