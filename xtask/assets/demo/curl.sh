#!/bin/sh
# A process for each page, as many a shell script does it.
# curl.sh PORT CA PAGES
origin="https://origin.test:$1"
for page in "$origin/" $(seq -f "$origin/page/%.0f" $(($3 - 1))); do
  curl -sSo /dev/null --cacert "$2" --resolve "origin.test:$1:127.0.0.1" "$page" || exit
done
echo "$3 pages"
