#!/usr/bin/env bash
# Steps of the GitHub Action (action.yml), which passes its inputs in the environment. TRACER is the path of a tracer; without
# it the release INPUT_VERSION is installed.
set -euo pipefail

releases=https://github.com/tracer-rs/tracer/releases/download
root=()
# The command needs the variables of the job.
[ "$(id -u)" = 0 ] || root=(sudo --preserve-env)

# Installs the Debian package of the release, after its checksum was compared.
install_release() {
  local architecture package folder
  architecture=$(dpkg --print-architecture)
  package="tracer_${INPUT_VERSION}-1_$architecture.deb"
  folder=$(mktemp -d)
  for file in "$package" SHA256SUMS; do
    curl --fail --silent --show-error --location --output "$folder/$file" "$releases/v$INPUT_VERSION/$file"
  done
  (cd "$folder" && grep " $package\$" SHA256SUMS | sha256sum --check --quiet --strict)
  "${root[@]}" dpkg --install "$folder/$package"
  rm -r "$folder"
}

# Makes flags of the lines in $1: FLAGS becomes --fail-on LINE, for each line that is not empty.
gates() {
  FLAGS=()
  local line
  while IFS= read -r line; do
    [ -z "${line//[[:space:]]/}" ] || FLAGS+=(--fail-on "$line")
  done <<<"$1"
  if [ "${INPUT_ALLOW_UNKNOWN:-false}" = true ] && [ ${#FLAGS[@]} -gt 0 ]; then
    FLAGS+=(--allow-unknown)
  fi
}

# Writes a heading and the standard input into the summary of the job.
summarise() {
  { echo "$1"; echo; cat; echo; } >>"$GITHUB_STEP_SUMMARY"
}

# Joins the result of a gate, an exit status, to the verdict. Any other status than 0 and 1 is a fault in the inputs.
judge() {
  case "$1" in
  0) [ "$verdict" = failed ] || verdict=passed ;;
  1) verdict=failed ;;
  *) exit "$1" ;;
  esac
}

if [ -z "${TRACER:-}" ]; then
  install_release
  TRACER=/usr/bin/tracer
fi
export_file=${INPUT_EXPORT:-tracer.json}
read -r -a more <<<"${INPUT_ARGS:-}"
user=()
[ "$(id -u)" = 0 ] || user=(--user "$(id -un)")

status=0
"${root[@]}" env "PATH=$PATH" "$TRACER" run --no-tui --json "$export_file" "${user[@]}" "${more[@]}" \
  -- bash -eo pipefail -c "$INPUT_RUN" || status=$?
if [ ! -s "$export_file" ]; then
  echo "tracer left no export in $export_file" >&2
  exit "$((status == 0 ? 1 : status))"
fi

verdict=none
text=$(mktemp)
trap 'rm -f "$text"' EXIT
gates "${INPUT_FAIL_ON:-}"
if [ ${#FLAGS[@]} -gt 0 ]; then
  result=0
  "$TRACER" check --color never "$export_file" "${FLAGS[@]}" >"$text" || result=$?
  cat "$text"
  { echo '```'; cat "$text"; echo '```'; } | summarise "### Conditions"
  judge "$result"
fi
if [ -n "${INPUT_BASELINE:-}" ]; then
  gates "${INPUT_DIFF_FAIL_ON:-}"
  result=0
  "$TRACER" diff --markdown "$INPUT_BASELINE" "$export_file" "${FLAGS[@]}" >"$text" || result=$?
  summarise "### Change to the baseline" <"$text"
  if [ ${#FLAGS[@]} -gt 0 ] || [ "$result" != 0 ]; then
    judge "$result"
  fi
fi

{
  echo "export=$export_file"
  echo "status=$status"
  echo "verdict=$verdict"
} >>"$GITHUB_OUTPUT"
[ "$status" = 0 ] || exit "$status"
[ "$verdict" != failed ]
