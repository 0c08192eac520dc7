# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tracer_global_optspecs
    string join \n h/help V/version
end

function __fish_tracer_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_tracer_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_tracer_using_subcommand
    set -l cmd (__fish_tracer_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c tracer -n "__fish_tracer_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_needs_command" -s V -l version -d 'Print version'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "attach" -d 'Trace what is running, until Ctrl-C, --duration, or until the processes given by --pid have ended'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "run" -d 'Start a command, trace it and its descendants from their first socket, pass its status on'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "replay" -d 'Show a recording (--record) again, through the same figures and outputs; needs no rights'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "demo" -d 'Crawl a built-in site over a link with a round trip, first naively, then well; trace and compare both'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "check" -d 'Gate a build on an export: fail when an expression over its figures is true'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "diff" -d 'Compare two exports: every figure with its change and what it means'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "merge" -d 'Make one export of many: of many machines, or of parts of a trace'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "report" -d 'Make a page of HTML of an export, or of two that are compared, for people without tracer'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "explain" -d 'Explain a finding: what it is, how it is told, what to do, and how to check that it is gone'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "doctor" -d 'Say what this kernel, these rights and this machine allow, and what to do about the rest'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "crawl" -d 'Crawl web sites, with the profile of a naive or of a tuned crawler'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "config" -d 'Show the settings of a crawl, from all their sources'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "completions" -d 'Print completions for a shell, on standard output'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "man" -d 'Print a manual page (troff), on standard output'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l pid -d 'Process id, with its descendants' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l comm -d 'Process name (comm) with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l exe -d 'Executable file' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l cgroup -d 'cgroup-v2 path or id, or a container id: everything in and below it' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l port -d 'Remote port' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l cidr -d 'Remote address range' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l host -d 'Host name with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l include-loopback -d 'Trace connections to loopback addresses' -r -f -a "true\t''
false\t''"
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l json -d 'Write the export (JSON, schema tracer.export/1) to FILE, or to standard output with `-`' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l hdr-log -d 'Write HdrHistogram interval logs to DIR, one for each phase (PHASE.hlog): a line for each --interval, or one in all' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l interval -d 'Rewrite the export, add to the logs of --hdr-log, and send to --otlp, this often while tracing' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l refresh -d 'The live screen shows new figures this often' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l allow -d 'A finding that is allowed, for all hosts or for those that match: it is shown as allowed and never comes first' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l allow-file -d 'A file with such findings, one a line. What follows a # is the reason, which is shown with the finding' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l color -d 'Colours on the live screen and in the text summary' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Yes'
never\t'No'"
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l otlp -d 'Send the metrics to an OpenTelemetry collector, as in `http://localhost:4318`: every minute or --interval, and at the end. docs/user/otlp.md' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l otlp-protocol -d 'Protocol. [default: $OTEL_EXPORTER_OTLP_PROTOCOL, else http/protobuf]' -r -f -a "http/protobuf\t'Protocol buffers over HTTP'
grpc\t'gRPC'"
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l otlp-traces -d 'Send spans too: of this share of the connections, with their requests. 1 is all' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l metrics-hosts -d 'Hosts that the metrics of --otlp and --prometheus name; the others share the name `other`. [default: 100]' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l fail-on -d 'Fail (exit code 1) if EXPR is true at the end, as in `phases.tls.p99_ns > 200ms or findings.warning > 0`; may be given again. docs/user/gate.md' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l prometheus -d 'Serve metrics for Prometheus at http://ADDR:PORT/metrics while tracing; a port alone is on 127.0.0.1. docs/user/prometheus.md' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l record -d 'Record everything the figures are made of to FILE, for `tracer replay`' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l http2 -d 'Reading of HTTP/2' -r -f -a "auto\t'Frames if a probe takes less than 3 µs here, else wire; says which, and why'
frames\t'Frames, by probes in TLS libraries: every request is known'
wire\t'Lengths and times of TLS records, without probes: requests as far as these tell'
off\t'Neither; only the number of connections that speak HTTP/2'"
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l max-hosts -d 'Hosts with figures of their own; when there are more, the least busy without open connections give way' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l config -d 'Configuration file (TOML) with these flags as keys; it is read again on SIGHUP and when it changes. docs/user/service.md' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l rotate -d 'Write an export with a time in its name for each period of this length: --json out.json makes out-20261130T100000Z.json and so on' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l duration -d 'Stop after this time' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l no-tui -d 'No live screen, though standard output is a terminal: the text summary at the end only'
complete -c tracer -n "__fish_tracer_using_subcommand attach" -s q -l quiet -d 'No text summary. The live screen opens all the same: see --no-tui'
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l allow-unknown -d 'Do not fail when a figure of --fail-on is absent'
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l kernel-log -d 'Log lines of the kernel programs on standard error, for debugging'
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l show-config -d 'Print the settings and the origin of each, as a configuration file, and trace nothing'
complete -c tracer -n "__fish_tracer_using_subcommand attach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand run" -l comm -d 'Process name (comm) with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l exe -d 'Executable file' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand run" -l cgroup -d 'cgroup-v2 path or id, or a container id: everything in and below it' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l port -d 'Remote port' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l cidr -d 'Remote address range' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l host -d 'Host name with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l include-loopback -d 'Trace connections to loopback addresses' -r -f -a "true\t''
false\t''"
complete -c tracer -n "__fish_tracer_using_subcommand run" -l json -d 'Write the export (JSON, schema tracer.export/1) to FILE, or to standard output with `-`' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand run" -l hdr-log -d 'Write HdrHistogram interval logs to DIR, one for each phase (PHASE.hlog): a line for each --interval, or one in all' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand run" -l interval -d 'Rewrite the export, add to the logs of --hdr-log, and send to --otlp, this often while tracing' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l refresh -d 'The live screen shows new figures this often' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l allow -d 'A finding that is allowed, for all hosts or for those that match: it is shown as allowed and never comes first' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l allow-file -d 'A file with such findings, one a line. What follows a # is the reason, which is shown with the finding' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand run" -l color -d 'Colours on the live screen and in the text summary' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Yes'
never\t'No'"
complete -c tracer -n "__fish_tracer_using_subcommand run" -l otlp -d 'Send the metrics to an OpenTelemetry collector, as in `http://localhost:4318`: every minute or --interval, and at the end. docs/user/otlp.md' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l otlp-protocol -d 'Protocol. [default: $OTEL_EXPORTER_OTLP_PROTOCOL, else http/protobuf]' -r -f -a "http/protobuf\t'Protocol buffers over HTTP'
grpc\t'gRPC'"
complete -c tracer -n "__fish_tracer_using_subcommand run" -l otlp-traces -d 'Send spans too: of this share of the connections, with their requests. 1 is all' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l metrics-hosts -d 'Hosts that the metrics of --otlp and --prometheus name; the others share the name `other`. [default: 100]' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l fail-on -d 'Fail (exit code 1) if EXPR is true at the end, as in `phases.tls.p99_ns > 200ms or findings.warning > 0`; may be given again. docs/user/gate.md' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l prometheus -d 'Serve metrics for Prometheus at http://ADDR:PORT/metrics while tracing; a port alone is on 127.0.0.1. docs/user/prometheus.md' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l record -d 'Record everything the figures are made of to FILE, for `tracer replay`' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand run" -l duration -d 'Stop after this time. The command of `tracer run` gets SIGTERM, and SIGKILL 15 seconds later' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l http2 -d 'Reading of HTTP/2' -r -f -a "auto\t'Frames if a probe takes less than 3 µs here, else wire; says which, and why'
frames\t'Frames, by probes in TLS libraries: every request is known'
wire\t'Lengths and times of TLS records, without probes: requests as far as these tell'
off\t'Neither; only the number of connections that speak HTTP/2'"
complete -c tracer -n "__fish_tracer_using_subcommand run" -l max-hosts -d 'Hosts with figures of their own; when there are more, the least busy without open connections give way' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l pid -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l user -d 'Start the command as this user, with the user\'s groups, HOME, USER and LOGNAME; tracer itself keeps its rights' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l child-log -d 'While the live screen is open: write what the command prints to FILE, besides showing it' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand run" -l no-tui -d 'No live screen, though standard output is a terminal: the text summary at the end only'
complete -c tracer -n "__fish_tracer_using_subcommand run" -s q -l quiet -d 'No text summary. The live screen opens all the same: see --no-tui'
complete -c tracer -n "__fish_tracer_using_subcommand run" -l allow-unknown -d 'Do not fail when a figure of --fail-on is absent'
complete -c tracer -n "__fish_tracer_using_subcommand run" -l kernel-log -d 'Log lines of the kernel programs on standard error, for debugging'
complete -c tracer -n "__fish_tracer_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l speed -d 'Speed: so many times as fast as it happened, or max. [default: 1 on the live screen, else max]' -r
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l until -d 'Only what came in this time from the beginning' -r
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l json -d 'Write the export (JSON, schema tracer.export/1) to FILE, or to standard output with `-`' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l hdr-log -d 'Write HdrHistogram interval logs to DIR, one for each phase (PHASE.hlog): a line for each --interval, or one in all' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l interval -d 'Rewrite the export, add to the logs of --hdr-log, and send to --otlp, this often while tracing' -r
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l refresh -d 'The live screen shows new figures this often' -r
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l allow -d 'A finding that is allowed, for all hosts or for those that match: it is shown as allowed and never comes first' -r
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l allow-file -d 'A file with such findings, one a line. What follows a # is the reason, which is shown with the finding' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l color -d 'Colours on the live screen and in the text summary' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Yes'
never\t'No'"
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l otlp -d 'Send the metrics to an OpenTelemetry collector, as in `http://localhost:4318`: every minute or --interval, and at the end. docs/user/otlp.md' -r
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l otlp-protocol -d 'Protocol. [default: $OTEL_EXPORTER_OTLP_PROTOCOL, else http/protobuf]' -r -f -a "http/protobuf\t'Protocol buffers over HTTP'
grpc\t'gRPC'"
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l otlp-traces -d 'Send spans too: of this share of the connections, with their requests. 1 is all' -r
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l metrics-hosts -d 'Hosts that the metrics of --otlp and --prometheus name; the others share the name `other`. [default: 100]' -r
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l fail-on -d 'Fail (exit code 1) if EXPR is true at the end, as in `phases.tls.p99_ns > 200ms or findings.warning > 0`; may be given again. docs/user/gate.md' -r
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l no-tui -d 'No live screen, though standard output is a terminal: the text summary at the end only'
complete -c tracer -n "__fish_tracer_using_subcommand replay" -s q -l quiet -d 'No text summary. The live screen opens all the same: see --no-tui'
complete -c tracer -n "__fish_tracer_using_subcommand replay" -l allow-unknown -d 'Do not fail when a figure of --fail-on is absent'
complete -c tracer -n "__fish_tracer_using_subcommand replay" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand demo" -l rtt -d 'Round trip of the link between crawler and site' -r
complete -c tracer -n "__fish_tracer_using_subcommand demo" -l concurrency -d 'Requests at once' -r
complete -c tracer -n "__fish_tracer_using_subcommand demo" -l time -d 'Time that each of the two crawls takes' -r
complete -c tracer -n "__fish_tracer_using_subcommand demo" -l out -d 'Directory for the exports, default.json and tuned.json; made if it is not there. [default: tracer-demo, or tracer-demo-2 and so on while other demos write there]' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand demo" -l color -d 'Colours in the table: green is better, red is worse' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Yes'
never\t'No'"
complete -c tracer -n "__fish_tracer_using_subcommand demo" -l tui -d 'Show the live screen of each trace'
complete -c tracer -n "__fish_tracer_using_subcommand demo" -l no-tui -d 'A line of progress instead of the live screen (the default; the last of both flags counts)'
complete -c tracer -n "__fish_tracer_using_subcommand demo" -l netem -d 'Delay by the kernel\'s sch_netem on a veth pair instead of TUN devices; needs that module and iproute2'
complete -c tracer -n "__fish_tracer_using_subcommand demo" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand check" -l fail-on -d 'Fail (exit code 1) if EXPR is true at the end, as in `phases.tls.p99_ns > 200ms or findings.warning > 0`; may be given again. docs/user/gate.md' -r
complete -c tracer -n "__fish_tracer_using_subcommand check" -l color -d 'Colours: red is failed' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Yes'
never\t'No'"
complete -c tracer -n "__fish_tracer_using_subcommand check" -l allow-unknown -d 'Do not fail when a figure of --fail-on is absent'
complete -c tracer -n "__fish_tracer_using_subcommand check" -l json -d 'Print JSON (schema tracer.check/1)'
complete -c tracer -n "__fish_tracer_using_subcommand check" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand diff" -l fail-on -d 'Fail (exit code 1) if EXPR is true of the second export, or of the change to it: `phases.ttfb.p99_ns > +10%`' -r
complete -c tracer -n "__fish_tracer_using_subcommand diff" -l color -d 'Colours in the table: green is better, red is worse' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Yes'
never\t'No'"
complete -c tracer -n "__fish_tracer_using_subcommand diff" -l json -d 'Print JSON (schema tracer.diff/1), unrounded'
complete -c tracer -n "__fish_tracer_using_subcommand diff" -l short -d 'One line about both, and the ten rows that changed most'
complete -c tracer -n "__fish_tracer_using_subcommand diff" -l markdown -d 'Print Markdown, for a pull request'
complete -c tracer -n "__fish_tracer_using_subcommand diff" -l allow-unknown -d 'Do not fail when a figure of --fail-on is absent'
complete -c tracer -n "__fish_tracer_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand merge" -s o -l output -d 'Write the merged export to OUT.json, or to standard output with `-`' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand merge" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand report" -s o -l output -d 'Write the page to FILE.html, or to standard output with `-`' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand explain" -l markdown -d 'Print Markdown; without ID, the pages of all'
complete -c tracer -n "__fish_tracer_using_subcommand explain" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand doctor" -l json -d 'Print JSON'
complete -c tracer -n "__fish_tracer_using_subcommand doctor" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l config -d 'Configuration file (TOML); its keys are below the flags. TRACER_CRAWL_CONFIG does it too' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l profile -d 'Where all other settings take their defaults from [default: default]' -r -f -a "default\t''
tuned\t''"
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l seeds -d 'File with one URL a line to begin with; `-` is standard input. Empty lines and those that begin with # are left out' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l depth -d 'Links followed from a seed at most; 0 fetches the seeds alone' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-pages -d 'Pages fetched at most' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-time -d 'Time after which no new page is begun' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l scope -d 'Hosts that belong to the crawl: those of the seeds, also names below them, or any [default: host]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l allow-host -d 'Further hosts that belong to it, with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l deny-host -d 'Hosts that do not, with * and ?; comes before all others' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l include -d 'Only URLs that one of these expressions is found in. Seeds are always fetched' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l exclude -d 'No URLs that one of these expressions is found in' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-pages-per-host -d 'Pages fetched from one host at most; ends traps' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-url -d 'Longer URLs are skipped [default: 2KiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-path-segments -d 'URLs with more path segments are skipped; ends traps that grow by a directory [default: 32]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l sort-query -d 'Two URLs whose query parameters differ in order alone are the same [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l drop-query -d 'Query parameters left out of URLs, with * and ?, as in `utm_*`' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l shard -d 'Crawl the I-th of N shares of the hosts, and no seeds of others; machines with the other shares crawl the rest' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l robots -d 'Obey robots.txt (RFC 9309), with its crawl delay [default: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l robots-timeout -d 'Time for robots.txt of one host, all redirects included [default: 10s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l robots-max-age -d 'Age at which robots.txt is fetched again [default: 1d]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-crawl-delay -d 'Longest crawl delay obeyed as it is; a longer one counts as this [default: 1m]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l delay -d 'Time between the begins of two requests to one host, when robots.txt asks for no longer one [default: 0s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l nofollow -d 'Obey nofollow and noindex of links, meta elements and X-Robots-Tag [default: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l sitemaps -d 'Take URLs from sitemaps that robots.txt names [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l concurrency -d 'Requests under way at once [default: 50; tuned: 256]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l per-host -d 'Requests under way at once to one host; also the most connections to it [default: 8; tuned: 16]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l rate -d 'Requests a second, all hosts together' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l per-host-rate -d 'Requests a second to one host' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l burst -d 'Requests that may go at once after a quiet time, where a rate is set [default: 1]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l adaptive-workers -d 'Grow and shrink the number of page workers by CPU use and queueing time [default: false; tuned: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l min-workers -d 'Page workers at least [default: 2]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-workers -d 'Page workers at most; without it twice the number of cores' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l adaptive-rate -d 'Lower a host\'s rate on errors and growing latency, and raise it again [default: false; tuned: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l min-rate -d 'Lowest rate a host is slowed down to [default: 0.1]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l http2 -d 'Offer HTTP/2 in TLS handshakes [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l http2-streams -d 'Requests under way at once on one HTTP/2 connection. A server that allows fewer gets fewer [default: 100]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l compression -d 'Ask for compressed answers (gzip, br, deflate, zstd) [default: false; tuned: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l redirects -d 'Redirects followed from one URL [default: 10]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l cookies -d 'Keep cookies, per registered name, in memory [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l idle-per-host -d 'Idle connections kept to one host [default: 2; tuned: 100]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l idle-total -d 'Idle connections kept in all [default: 100; tuned: 10000]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l idle-timeout -d 'Idle time after which a connection is closed [default: 90s; tuned: 30s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-connection-age -d 'Age at which a connection is not used again' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-connection-requests -d 'Requests after which a connection is not used again' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l happy-eyeballs -d 'Head start of the first address before the next one is tried as well (RFC 8305) [default: 250ms]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l nodelay -d 'Send small segments at once (TCP_NODELAY) [default: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l local-address -d 'Local address of connections' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l dns-mode -d 'Resolver of names: the C library once a connection, or an own one with a cache [default: system; tuned: cached]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l dns -d 'Name servers to ask instead of those of /etc/resolv.conf; means `cached`' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l address-family -d 'Addresses used [default: both]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l dns-timeout -d 'Time for one lookup, all attempts included [default: 5s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l dns-prewarm -d 'Hosts of the frontier whose names are looked up ahead [default: 0; tuned: 64]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l dns-cache-entries -d 'Names in the cache at most [default: 100000]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l dns-max-ttl -d 'An answer counts for no longer than this, whatever its TTL [default: 1d]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l dns-max-negative-ttl -d 'A negative answer counts for no longer than this, whatever its TTL [default: 1m]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l tls-resumption -d 'Resume sessions [default: false; tuned: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l tls-sessions -d 'Sessions remembered [default: 256; tuned: 10000]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l ca-file -d 'File with certificates (PEM) to trust besides the built-in ones' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l insecure -d 'Accept any certificate. Only for tests [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l tls-min-version -d 'Oldest version spoken [default: 1.2]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l proxy -d '`http://HOST:PORT` (CONNECT for https, absolute form for http) or `socks5://HOST:PORT`' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l proxy-credentials-file -d 'File with `USER:PASSWORD` for the proxy; the environment variable TRACER_CRAWL_PROXY_CREDENTIALS does it too' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-proxy -d 'Hosts reached without it, with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l connect-timeout -d 'TCP connect [default: 10s; tuned: 5s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l tls-timeout -d 'TLS handshake [default: 10s; tuned: 5s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l request-timeout -d 'Time for a request, from its first byte to the last of its answer [default: 30s; tuned: 15s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l task-timeout -d 'Time for a URL with all its retries and redirects; no retry sets it back [default: 2m]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l shutdown-timeout -d 'Time for requests under way to end, once the crawl has been told to stop [default: 10s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l retries -d 'Tries after the first one, for failures that pass [default: 2]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l retry-backoff -d 'Wait before the first of them; doubles each time, with jitter [default: 500ms]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l retry-max-backoff -d 'Longest such wait [default: 30s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-retry-after -d 'Longest pause of a host by its Retry-After; with a longer one the page counts as failed, and its host pauses for this long [default: 2m]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l retry-status -d 'Status codes that pass [default: 408,429,500,502,503,504,522,524]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-body -d 'Bytes read from the wire [default: 10MiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-decoded -d 'Bytes after decompression; a bomb is cut here [default: 40MiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-header -d 'Bytes of an answer\'s header [default: 64KiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l user-agent -d 'User-Agent. Without it `tracer/VERSION`, with the contact when there is one' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l contact -d 'Address or URL to reach the person who crawls; part of the User-Agent' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l accept-language -d 'Accept-Language' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l header -d 'Further header lines, `Name: value`. Authorization and Cookie are secret, as those of the secrets file are' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l header-secrets-file -d 'File with header lines that are secret (one a line); they go to scheme, host and port of seeds alone' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l header-profiles -d 'File with header profiles (TOML); each host gets one and keeps it' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l referrer-policy -d 'Part of the referring page\'s address that goes into Referer [default: no-referrer; tuned: strict-origin-when-cross-origin]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l links-from -d 'Elements that links are taken from (a, area, link, frame, img, script, style, refresh) [default: a,area,link,frame,refresh]' -r -f -a "a\t''
area\t''
link\t''
frame\t''
img\t''
script\t''
style\t''
refresh\t''"
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l max-links -d 'Links taken from one page at most [default: 10000]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l parser-memory -d 'Memory of one page\'s parser [default: 4MiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l state -d 'Directory of frontier and seen URLs; a crawl that finds one goes on with it. Without it they are in memory' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l snapshot-interval -d 'Time between two snapshots of the state [default: 5s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l frontier-memory -d 'Memory for the frontier\'s cache [default: 64MiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l cache -d 'Directory of stored answers; with it pages are asked for with If-None-Match and If-Modified-Since' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l cache-size -d 'Room for stored answers; the least used go first [default: 1GiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l jsonl -d 'File that gets one JSON object a page; `-` is standard output' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l jsonl-links -d 'Links of each page are part of its JSON object [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l warc -d 'File that gets requests and answers (WARC 1.1, gzip)' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l warc-max-size -d 'Size at which the next WARC file is begun [default: 1GiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l warc-dedup -d 'A body that is in the WARC files already is not written again: a revisit record names the first one [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l bodies -d 'Directory that gets bodies, named by their SHA-256' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l progress -d 'Display of progress on standard error while crawling [default: auto]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l quiet -d 'No progress and no text at the end [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l log -d 'Level of log lines: off, error, warn, info, debug, trace, or per module as in `warn,tracer_crawler=debug` [default: warn,tracer_crawler::config=info]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l log-format -d 'Form of the lines, on standard error [default: text]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l threads -d 'Threads that fetch and parse; without it one per core that may be used' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l pin -d 'Each thread stays on a physical core of its own [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l exec-per-page -d 'Command run for each page, by the shell; gets the page as a JSON object on standard input' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l exec-timeout -d 'Time after which it is killed with all it has started [default: 10s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l exec-concurrency -d 'Number of commands that run at once; further pages wait [default: 4]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l metrics -d 'Serves /metrics, /healthz and /readyz there; a bare port is on loopback' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l control -d 'Serves the control interface there: a port on loopback or unix:/path' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l control-token-file -d 'File with the token that requests over TCP have to carry; TRACER_CRAWL_CONTROL_TOKEN does it too' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l render -d 'Run the scripts of HTML pages in Chromium and take the links that are there then [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l render-program -d 'The browser\'s program, found in PATH [default: chromium]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l render-browsers -d 'Browsers at once [default: 1]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l render-tabs -d 'Pages at once in one browser [default: 4]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l render-wait -d 'Sign that a page is complete: its load event, or no request under way for half a second after it [default: idle]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l render-wait-selector -d 'CSS selector that has to be there before a page counts as complete' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l render-timeout -d 'Time for one page [default: 20s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l render-memory -d 'Memory of one browser with all its processes; above it, it is replaced [default: 1GiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l render-pages -d 'Pages after which a browser is replaced [default: 200]' -r
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l trace-json -d 'Trace it, and write the export (schema tracer.export/1) to FILE' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-sort-query -d 'The same as --sort-query=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-robots -d 'The same as --robots=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-nofollow -d 'The same as --nofollow=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-sitemaps -d 'The same as --sitemaps=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-adaptive-workers -d 'The same as --adaptive-workers=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-adaptive-rate -d 'The same as --adaptive-rate=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-http2 -d 'The same as --http2=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-compression -d 'The same as --compression=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-cookies -d 'The same as --cookies=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-nodelay -d 'The same as --nodelay=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-tls-resumption -d 'The same as --tls-resumption=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-insecure -d 'The same as --insecure=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-jsonl-links -d 'The same as --jsonl-links=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-warc-dedup -d 'The same as --warc-dedup=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-quiet -d 'The same as --quiet=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-pin -d 'The same as --pin=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l no-render -d 'The same as --render=false'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -l trace -d 'Trace the crawl while it runs, as `tracer run` does; needs the rights of a trace'
complete -c tracer -n "__fish_tracer_using_subcommand crawl" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand config; and not __fish_seen_subcommand_from show help" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "show" -d 'Print the settings which a crawl with these flags, this file and this environment would have, as a configuration file'
complete -c tracer -n "__fish_tracer_using_subcommand config; and not __fish_seen_subcommand_from show help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l config -d 'Configuration file (TOML); its keys are below the flags. TRACER_CRAWL_CONFIG does it too' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l profile -d 'Where all other settings take their defaults from [default: default]' -r -f -a "default\t''
tuned\t''"
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l seeds -d 'File with one URL a line to begin with; `-` is standard input. Empty lines and those that begin with # are left out' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l depth -d 'Links followed from a seed at most; 0 fetches the seeds alone' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-pages -d 'Pages fetched at most' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-time -d 'Time after which no new page is begun' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l scope -d 'Hosts that belong to the crawl: those of the seeds, also names below them, or any [default: host]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l allow-host -d 'Further hosts that belong to it, with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l deny-host -d 'Hosts that do not, with * and ?; comes before all others' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l include -d 'Only URLs that one of these expressions is found in. Seeds are always fetched' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l exclude -d 'No URLs that one of these expressions is found in' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-pages-per-host -d 'Pages fetched from one host at most; ends traps' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-url -d 'Longer URLs are skipped [default: 2KiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-path-segments -d 'URLs with more path segments are skipped; ends traps that grow by a directory [default: 32]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l sort-query -d 'Two URLs whose query parameters differ in order alone are the same [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l drop-query -d 'Query parameters left out of URLs, with * and ?, as in `utm_*`' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l shard -d 'Crawl the I-th of N shares of the hosts, and no seeds of others; machines with the other shares crawl the rest' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l robots -d 'Obey robots.txt (RFC 9309), with its crawl delay [default: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l robots-timeout -d 'Time for robots.txt of one host, all redirects included [default: 10s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l robots-max-age -d 'Age at which robots.txt is fetched again [default: 1d]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-crawl-delay -d 'Longest crawl delay obeyed as it is; a longer one counts as this [default: 1m]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l delay -d 'Time between the begins of two requests to one host, when robots.txt asks for no longer one [default: 0s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l nofollow -d 'Obey nofollow and noindex of links, meta elements and X-Robots-Tag [default: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l sitemaps -d 'Take URLs from sitemaps that robots.txt names [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l concurrency -d 'Requests under way at once [default: 50; tuned: 256]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l per-host -d 'Requests under way at once to one host; also the most connections to it [default: 8; tuned: 16]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l rate -d 'Requests a second, all hosts together' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l per-host-rate -d 'Requests a second to one host' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l burst -d 'Requests that may go at once after a quiet time, where a rate is set [default: 1]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l adaptive-workers -d 'Grow and shrink the number of page workers by CPU use and queueing time [default: false; tuned: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l min-workers -d 'Page workers at least [default: 2]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-workers -d 'Page workers at most; without it twice the number of cores' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l adaptive-rate -d 'Lower a host\'s rate on errors and growing latency, and raise it again [default: false; tuned: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l min-rate -d 'Lowest rate a host is slowed down to [default: 0.1]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l http2 -d 'Offer HTTP/2 in TLS handshakes [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l http2-streams -d 'Requests under way at once on one HTTP/2 connection. A server that allows fewer gets fewer [default: 100]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l compression -d 'Ask for compressed answers (gzip, br, deflate, zstd) [default: false; tuned: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l redirects -d 'Redirects followed from one URL [default: 10]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l cookies -d 'Keep cookies, per registered name, in memory [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l idle-per-host -d 'Idle connections kept to one host [default: 2; tuned: 100]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l idle-total -d 'Idle connections kept in all [default: 100; tuned: 10000]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l idle-timeout -d 'Idle time after which a connection is closed [default: 90s; tuned: 30s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-connection-age -d 'Age at which a connection is not used again' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-connection-requests -d 'Requests after which a connection is not used again' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l happy-eyeballs -d 'Head start of the first address before the next one is tried as well (RFC 8305) [default: 250ms]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l nodelay -d 'Send small segments at once (TCP_NODELAY) [default: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l local-address -d 'Local address of connections' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l dns-mode -d 'Resolver of names: the C library once a connection, or an own one with a cache [default: system; tuned: cached]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l dns -d 'Name servers to ask instead of those of /etc/resolv.conf; means `cached`' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l address-family -d 'Addresses used [default: both]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l dns-timeout -d 'Time for one lookup, all attempts included [default: 5s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l dns-prewarm -d 'Hosts of the frontier whose names are looked up ahead [default: 0; tuned: 64]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l dns-cache-entries -d 'Names in the cache at most [default: 100000]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l dns-max-ttl -d 'An answer counts for no longer than this, whatever its TTL [default: 1d]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l dns-max-negative-ttl -d 'A negative answer counts for no longer than this, whatever its TTL [default: 1m]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l tls-resumption -d 'Resume sessions [default: false; tuned: true]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l tls-sessions -d 'Sessions remembered [default: 256; tuned: 10000]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l ca-file -d 'File with certificates (PEM) to trust besides the built-in ones' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l insecure -d 'Accept any certificate. Only for tests [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l tls-min-version -d 'Oldest version spoken [default: 1.2]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l proxy -d '`http://HOST:PORT` (CONNECT for https, absolute form for http) or `socks5://HOST:PORT`' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l proxy-credentials-file -d 'File with `USER:PASSWORD` for the proxy; the environment variable TRACER_CRAWL_PROXY_CREDENTIALS does it too' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-proxy -d 'Hosts reached without it, with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l connect-timeout -d 'TCP connect [default: 10s; tuned: 5s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l tls-timeout -d 'TLS handshake [default: 10s; tuned: 5s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l request-timeout -d 'Time for a request, from its first byte to the last of its answer [default: 30s; tuned: 15s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l task-timeout -d 'Time for a URL with all its retries and redirects; no retry sets it back [default: 2m]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l shutdown-timeout -d 'Time for requests under way to end, once the crawl has been told to stop [default: 10s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l retries -d 'Tries after the first one, for failures that pass [default: 2]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l retry-backoff -d 'Wait before the first of them; doubles each time, with jitter [default: 500ms]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l retry-max-backoff -d 'Longest such wait [default: 30s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-retry-after -d 'Longest pause of a host by its Retry-After; with a longer one the page counts as failed, and its host pauses for this long [default: 2m]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l retry-status -d 'Status codes that pass [default: 408,429,500,502,503,504,522,524]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-body -d 'Bytes read from the wire [default: 10MiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-decoded -d 'Bytes after decompression; a bomb is cut here [default: 40MiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-header -d 'Bytes of an answer\'s header [default: 64KiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l user-agent -d 'User-Agent. Without it `tracer/VERSION`, with the contact when there is one' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l contact -d 'Address or URL to reach the person who crawls; part of the User-Agent' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l accept-language -d 'Accept-Language' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l header -d 'Further header lines, `Name: value`. Authorization and Cookie are secret, as those of the secrets file are' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l header-secrets-file -d 'File with header lines that are secret (one a line); they go to scheme, host and port of seeds alone' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l header-profiles -d 'File with header profiles (TOML); each host gets one and keeps it' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l referrer-policy -d 'Part of the referring page\'s address that goes into Referer [default: no-referrer; tuned: strict-origin-when-cross-origin]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l links-from -d 'Elements that links are taken from (a, area, link, frame, img, script, style, refresh) [default: a,area,link,frame,refresh]' -r -f -a "a\t''
area\t''
link\t''
frame\t''
img\t''
script\t''
style\t''
refresh\t''"
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l max-links -d 'Links taken from one page at most [default: 10000]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l parser-memory -d 'Memory of one page\'s parser [default: 4MiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l state -d 'Directory of frontier and seen URLs; a crawl that finds one goes on with it. Without it they are in memory' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l snapshot-interval -d 'Time between two snapshots of the state [default: 5s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l frontier-memory -d 'Memory for the frontier\'s cache [default: 64MiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l cache -d 'Directory of stored answers; with it pages are asked for with If-None-Match and If-Modified-Since' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l cache-size -d 'Room for stored answers; the least used go first [default: 1GiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l jsonl -d 'File that gets one JSON object a page; `-` is standard output' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l jsonl-links -d 'Links of each page are part of its JSON object [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l warc -d 'File that gets requests and answers (WARC 1.1, gzip)' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l warc-max-size -d 'Size at which the next WARC file is begun [default: 1GiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l warc-dedup -d 'A body that is in the WARC files already is not written again: a revisit record names the first one [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l bodies -d 'Directory that gets bodies, named by their SHA-256' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l progress -d 'Display of progress on standard error while crawling [default: auto]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l quiet -d 'No progress and no text at the end [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l log -d 'Level of log lines: off, error, warn, info, debug, trace, or per module as in `warn,tracer_crawler=debug` [default: warn,tracer_crawler::config=info]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l log-format -d 'Form of the lines, on standard error [default: text]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l threads -d 'Threads that fetch and parse; without it one per core that may be used' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l pin -d 'Each thread stays on a physical core of its own [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l exec-per-page -d 'Command run for each page, by the shell; gets the page as a JSON object on standard input' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l exec-timeout -d 'Time after which it is killed with all it has started [default: 10s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l exec-concurrency -d 'Number of commands that run at once; further pages wait [default: 4]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l metrics -d 'Serves /metrics, /healthz and /readyz there; a bare port is on loopback' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l control -d 'Serves the control interface there: a port on loopback or unix:/path' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l control-token-file -d 'File with the token that requests over TCP have to carry; TRACER_CRAWL_CONTROL_TOKEN does it too' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l render -d 'Run the scripts of HTML pages in Chromium and take the links that are there then [default: false]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l render-program -d 'The browser\'s program, found in PATH [default: chromium]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l render-browsers -d 'Browsers at once [default: 1]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l render-tabs -d 'Pages at once in one browser [default: 4]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l render-wait -d 'Sign that a page is complete: its load event, or no request under way for half a second after it [default: idle]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l render-wait-selector -d 'CSS selector that has to be there before a page counts as complete' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l render-timeout -d 'Time for one page [default: 20s]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l render-memory -d 'Memory of one browser with all its processes; above it, it is replaced [default: 1GiB]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l render-pages -d 'Pages after which a browser is replaced [default: 200]' -r
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l origin -d 'Say of each value where it comes from'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-sort-query -d 'The same as --sort-query=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-robots -d 'The same as --robots=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-nofollow -d 'The same as --nofollow=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-sitemaps -d 'The same as --sitemaps=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-adaptive-workers -d 'The same as --adaptive-workers=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-adaptive-rate -d 'The same as --adaptive-rate=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-http2 -d 'The same as --http2=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-compression -d 'The same as --compression=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-cookies -d 'The same as --cookies=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-nodelay -d 'The same as --nodelay=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-tls-resumption -d 'The same as --tls-resumption=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-insecure -d 'The same as --insecure=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-jsonl-links -d 'The same as --jsonl-links=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-warc-dedup -d 'The same as --warc-dedup=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-quiet -d 'The same as --quiet=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-pin -d 'The same as --pin=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -l no-render -d 'The same as --render=false'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "show" -d 'Print the settings which a crawl with these flags, this file and this environment would have, as a configuration file'
complete -c tracer -n "__fish_tracer_using_subcommand config; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tracer -n "__fish_tracer_using_subcommand completions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand man" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "attach" -d 'Trace what is running, until Ctrl-C, --duration, or until the processes given by --pid have ended'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "run" -d 'Start a command, trace it and its descendants from their first socket, pass its status on'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "replay" -d 'Show a recording (--record) again, through the same figures and outputs; needs no rights'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "demo" -d 'Crawl a built-in site over a link with a round trip, first naively, then well; trace and compare both'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "check" -d 'Gate a build on an export: fail when an expression over its figures is true'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "diff" -d 'Compare two exports: every figure with its change and what it means'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "merge" -d 'Make one export of many: of many machines, or of parts of a trace'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "report" -d 'Make a page of HTML of an export, or of two that are compared, for people without tracer'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "explain" -d 'Explain a finding: what it is, how it is told, what to do, and how to check that it is gone'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "doctor" -d 'Say what this kernel, these rights and this machine allow, and what to do about the rest'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "crawl" -d 'Crawl web sites, with the profile of a naive or of a tuned crawler'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "config" -d 'Show the settings of a crawl, from all their sources'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "completions" -d 'Print completions for a shell, on standard output'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "man" -d 'Print a manual page (troff), on standard output'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run replay demo check diff merge report explain doctor crawl config completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tracer -n "__fish_tracer_using_subcommand help; and __fish_seen_subcommand_from config" -f -a "show" -d 'Print the settings which a crawl with these flags, this file and this environment would have, as a configuration file'
