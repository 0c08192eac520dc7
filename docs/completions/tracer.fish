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

complete -c tracer -n "__fish_tracer_needs_command" -s h -l help -d 'Print help'
complete -c tracer -n "__fish_tracer_needs_command" -s V -l version -d 'Print version'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "attach" -d 'Trace what is running, until Ctrl-C, --duration, or until the processes given by --pid have ended'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "run" -d 'Start a command, trace it and its descendants from their first socket, pass its status on'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "diff" -d 'Compare two exports: every figure with its change and what it means'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "doctor" -d 'Say what this kernel, these rights and this machine allow, and what to do about the rest'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "completions" -d 'Print completions for a shell, on standard output'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "man" -d 'Print a manual page (troff), on standard output'
complete -c tracer -n "__fish_tracer_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l pid -d 'Process id, with its descendants (attach only)' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l comm -d 'Process name (comm) with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l exe -d 'Executable file' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l cgroup -d 'cgroup-v2 path or id, or a container id: everything in and below it' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l port -d 'Remote port' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l cidr -d 'Remote address range' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l host -d 'Host name (server name of the TLS handshake, else the address) with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l include-loopback -d 'Trace connections to loopback addresses' -r -f -a "true\t''
false\t''"
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l json -d 'Write the export (JSON, schema tracer.export/1) to FILE, or to standard output with `-`' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l interval -d 'Rewrite the export this often while tracing' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l duration -d 'Stop after this time' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l refresh -d 'The live screen shows new figures this often' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l color -d 'Colours on the live screen and in the text summary' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Yes'
never\t'No'"
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l max-hosts -d 'Hosts with figures of their own; further ones are folded into the totals' -r
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l no-tui -d 'No live screen, though standard output is a terminal: the text summary at the end only'
complete -c tracer -n "__fish_tracer_using_subcommand attach" -s q -l quiet -d 'No text summary'
complete -c tracer -n "__fish_tracer_using_subcommand attach" -l kernel-log -d 'Log lines of the kernel programs on standard error, for debugging'
complete -c tracer -n "__fish_tracer_using_subcommand attach" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand run" -l pid -d 'Process id, with its descendants (attach only)' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l comm -d 'Process name (comm) with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l exe -d 'Executable file' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand run" -l cgroup -d 'cgroup-v2 path or id, or a container id: everything in and below it' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l port -d 'Remote port' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l cidr -d 'Remote address range' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l host -d 'Host name (server name of the TLS handshake, else the address) with * and ?' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l include-loopback -d 'Trace connections to loopback addresses' -r -f -a "true\t''
false\t''"
complete -c tracer -n "__fish_tracer_using_subcommand run" -l json -d 'Write the export (JSON, schema tracer.export/1) to FILE, or to standard output with `-`' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand run" -l interval -d 'Rewrite the export this often while tracing' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l duration -d 'Stop after this time' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l refresh -d 'The live screen shows new figures this often' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l color -d 'Colours on the live screen and in the text summary' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Yes'
never\t'No'"
complete -c tracer -n "__fish_tracer_using_subcommand run" -l max-hosts -d 'Hosts with figures of their own; further ones are folded into the totals' -r
complete -c tracer -n "__fish_tracer_using_subcommand run" -l child-log -d 'While the live screen is open: write what the command prints to FILE, besides showing it' -r -F
complete -c tracer -n "__fish_tracer_using_subcommand run" -l no-tui -d 'No live screen, though standard output is a terminal: the text summary at the end only'
complete -c tracer -n "__fish_tracer_using_subcommand run" -s q -l quiet -d 'No text summary'
complete -c tracer -n "__fish_tracer_using_subcommand run" -l kernel-log -d 'Log lines of the kernel programs on standard error, for debugging'
complete -c tracer -n "__fish_tracer_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand diff" -l color -d 'Colours in the table: green is better, red is worse' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Yes'
never\t'No'"
complete -c tracer -n "__fish_tracer_using_subcommand diff" -l json -d 'As JSON (schema tracer.diff/1), unrounded'
complete -c tracer -n "__fish_tracer_using_subcommand diff" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tracer -n "__fish_tracer_using_subcommand doctor" -l json -d 'As JSON'
complete -c tracer -n "__fish_tracer_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c tracer -n "__fish_tracer_using_subcommand completions" -s h -l help -d 'Print help'
complete -c tracer -n "__fish_tracer_using_subcommand man" -s h -l help -d 'Print help'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run diff doctor completions man help" -f -a "attach" -d 'Trace what is running, until Ctrl-C, --duration, or until the processes given by --pid have ended'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run diff doctor completions man help" -f -a "run" -d 'Start a command, trace it and its descendants from their first socket, pass its status on'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run diff doctor completions man help" -f -a "diff" -d 'Compare two exports: every figure with its change and what it means'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run diff doctor completions man help" -f -a "doctor" -d 'Say what this kernel, these rights and this machine allow, and what to do about the rest'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run diff doctor completions man help" -f -a "completions" -d 'Print completions for a shell, on standard output'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run diff doctor completions man help" -f -a "man" -d 'Print a manual page (troff), on standard output'
complete -c tracer -n "__fish_tracer_using_subcommand help; and not __fish_seen_subcommand_from attach run diff doctor completions man help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
