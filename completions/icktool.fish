# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_icktool_global_optspecs
    string join \n controller= ca-file= state= format= color= h/help V/version
end

function __fish_icktool_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_icktool_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_icktool_using_subcommand
    set -l cmd (__fish_icktool_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c icktool -n "__fish_icktool_needs_command" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_needs_command" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_needs_command" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_needs_command" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_needs_command" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_needs_command" -s V -l version -d 'Print version'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "up" -d 'Start a whole Ick on this machine'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "down" -d 'End the Ick that `up` started'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "run" -d 'Build here and now, without a server'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "validate" -d 'Check definition files, without a server'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "make-it-so" -d 'Apply definition files: create and change the projects and pipelines they describe'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "build" -d 'Trigger a build'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "show-log" -d 'Show what a build wrote'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "status" -d 'Show how the servers, the workers, and the running and waiting builds are'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "list-builds" -d 'List builds, newest first'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "show-build" -d 'Show a build'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "cancel-build" -d 'Cancel a build'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "delete-build" -d 'Delete a build that has ended, with its log'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "list-projects" -d 'List projects'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "show-project" -d 'Show a project'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "delete-project" -d 'Delete a project; its finished builds stay readable'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "list-pipelines" -d 'List pipelines'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "show-pipeline" -d 'Show a pipeline'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "delete-pipeline" -d 'Delete a pipeline'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "list-actions" -d 'List the actions that pipelines can have, without a server'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "help-action" -d 'Show an action\'s fields and an example, without a server'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "list-workers" -d 'List workers'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "show-worker" -d 'Show a worker'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "drain-worker" -d 'Give a worker no new builds; what it runs goes on'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "resume-worker" -d 'Give a drained worker builds again'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "delete-worker" -d 'Delete a worker\'s record'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "create-worker" -d 'Make a new worker for another host'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "list-artifacts" -d 'List artifacts'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "get-artifact" -d 'Fetch an artifact'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "put-artifact" -d 'Store a file as an artifact'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "delete-artifact" -d 'Delete an artifact'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "login" -d 'Make a controller the default one, and keep the credentials for it'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "logout" -d 'Forget the credentials for a controller'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "whoami" -d 'Show which client this is, and what it may do'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "token" -d 'Print an access token'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "create-client" -d 'Make an API client'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "list-clients" -d 'List API clients'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "delete-client" -d 'Delete an API client'
complete -c icktool -n "__fish_icktool_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c icktool -n "__fish_icktool_using_subcommand up" -l slots -d 'How many builds the worker executes at a time; 1 when left out. For the first use: it stays so' -r
complete -c icktool -n "__fish_icktool_using_subcommand up" -l address -d 'The address of this machine where its servers listen, and by which workers on other hosts reach them; 127.0.0.1 when left out. For the first use: it stays so' -r
complete -c icktool -n "__fish_icktool_using_subcommand up" -l port -d 'The controller\'s port; the store has the next one, the identity provider the one after. 0: free ones. 8750 when left out. For the first use: they stay so' -r
complete -c icktool -n "__fish_icktool_using_subcommand up" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand up" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand up" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand up" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand up" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand up" -l detach -d 'Return when it is ready, instead of staying until Ctrl-C'
complete -c icktool -n "__fish_icktool_using_subcommand up" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand down" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand down" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand down" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand down" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand down" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand down" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand run" -s p -l parameter -d 'A parameter for this build: NAME=TEXT, or NAME:=JSON; can be given several times' -r
complete -c icktool -n "__fish_icktool_using_subcommand run" -l ref -d 'The git branch or tag to build, where the source is not this checkout' -r
complete -c icktool -n "__fish_icktool_using_subcommand run" -l store -d 'The folder of artifacts; one in your data folder when left out' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand run" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand run" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand run" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand run" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand run" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand run" -l committed -d 'Of this checkout take what HEAD has, instead of the working tree'
complete -c icktool -n "__fish_icktool_using_subcommand run" -l shell-on-failure -d 'Open a shell where an action failed: in its workspace and root, with its variables, as its user. At a terminal only; the build\'s time-out goes on meanwhile'
complete -c icktool -n "__fish_icktool_using_subcommand run" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand validate" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand validate" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand validate" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand validate" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand validate" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand validate" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand make-it-so" -l set -d 'A label for what is applied together' -r
complete -c icktool -n "__fish_icktool_using_subcommand make-it-so" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand make-it-so" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand make-it-so" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand make-it-so" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand make-it-so" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand make-it-so" -l dry-run -d 'Show what would change, and change nothing'
complete -c icktool -n "__fish_icktool_using_subcommand make-it-so" -l prune -d 'Delete what an earlier call with the same --set made, and these files do not have'
complete -c icktool -n "__fish_icktool_using_subcommand make-it-so" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand build" -s p -l parameter -d 'A parameter for this build: NAME=TEXT, or NAME:=JSON; can be given several times' -r
complete -c icktool -n "__fish_icktool_using_subcommand build" -l ref -d 'The git branch or tag to build' -r
complete -c icktool -n "__fish_icktool_using_subcommand build" -l commit -d 'The git commit to build' -r
complete -c icktool -n "__fish_icktool_using_subcommand build" -l reason -d 'Why, for people' -r
complete -c icktool -n "__fish_icktool_using_subcommand build" -l idempotency-key -d 'The same key means the same build, however often it is asked for; one is drawn when left out' -r
complete -c icktool -n "__fish_icktool_using_subcommand build" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand build" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand build" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand build" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand build" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand build" -l wait -d 'Wait for the build\'s end'
complete -c icktool -n "__fish_icktool_using_subcommand build" -s f -l follow -d 'Show the log while waiting for the build\'s end'
complete -c icktool -n "__fish_icktool_using_subcommand build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand show-log" -l action -d 'Only what this action wrote; `show-build` lists them' -r
complete -c icktool -n "__fish_icktool_using_subcommand show-log" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand show-log" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand show-log" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand show-log" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand show-log" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand show-log" -s f -l follow -d 'Go on until the build has ended'
complete -c icktool -n "__fish_icktool_using_subcommand show-log" -l raw -d 'Exactly the bytes'
complete -c icktool -n "__fish_icktool_using_subcommand show-log" -l timestamps -d 'Begin each line with the time at which it was written'
complete -c icktool -n "__fish_icktool_using_subcommand show-log" -l failed -d 'Only what failed actions wrote'
complete -c icktool -n "__fish_icktool_using_subcommand show-log" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand status" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand status" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand status" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand status" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand status" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand status" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand list-builds" -l status -d 'Only builds with this status' -r -f -a "triggered\t''
building\t''
done\t''
failed\t''
cancelled\t''"
complete -c icktool -n "__fish_icktool_using_subcommand list-builds" -l limit -d 'At most so many' -r
complete -c icktool -n "__fish_icktool_using_subcommand list-builds" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand list-builds" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-builds" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-builds" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand list-builds" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand list-builds" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand show-build" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand show-build" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand show-build" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand show-build" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand show-build" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand show-build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand cancel-build" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand cancel-build" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand cancel-build" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand cancel-build" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand cancel-build" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand cancel-build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand delete-build" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand delete-build" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-build" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-build" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-build" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-build" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand list-projects" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand list-projects" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-projects" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-projects" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand list-projects" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand list-projects" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand show-project" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand show-project" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand show-project" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand show-project" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand show-project" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand show-project" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand delete-project" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand delete-project" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-project" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-project" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-project" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-project" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand list-pipelines" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand list-pipelines" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-pipelines" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-pipelines" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand list-pipelines" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand list-pipelines" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand show-pipeline" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand show-pipeline" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand show-pipeline" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand show-pipeline" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand show-pipeline" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand show-pipeline" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand delete-pipeline" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand delete-pipeline" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-pipeline" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-pipeline" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-pipeline" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-pipeline" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand list-actions" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand list-actions" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-actions" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-actions" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand list-actions" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand list-actions" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand help-action" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand help-action" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand help-action" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand help-action" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand help-action" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand help-action" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand list-workers" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand list-workers" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-workers" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-workers" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand list-workers" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand list-workers" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand show-worker" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand show-worker" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand show-worker" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand show-worker" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand show-worker" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand show-worker" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand drain-worker" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand drain-worker" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand drain-worker" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand drain-worker" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand drain-worker" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand drain-worker" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand resume-worker" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand resume-worker" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand resume-worker" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand resume-worker" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand resume-worker" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand resume-worker" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand delete-worker" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand delete-worker" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-worker" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-worker" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-worker" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-worker" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand create-worker" -l slots -d 'How many builds it executes at a time' -r
complete -c icktool -n "__fish_icktool_using_subcommand create-worker" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand create-worker" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand create-worker" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand create-worker" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand create-worker" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand create-worker" -l allow-host -d 'Let builds run commands on the host itself, outside of containers'
complete -c icktool -n "__fish_icktool_using_subcommand create-worker" -l allow-network -d 'Let builds have a network in their containers'
complete -c icktool -n "__fish_icktool_using_subcommand create-worker" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand list-artifacts" -l prefix -d 'Only those whose name begins so' -r
complete -c icktool -n "__fish_icktool_using_subcommand list-artifacts" -l build -d 'Those that this build made' -r
complete -c icktool -n "__fish_icktool_using_subcommand list-artifacts" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand list-artifacts" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-artifacts" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-artifacts" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand list-artifacts" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand list-artifacts" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand get-artifact" -l build -d 'What this build made, or the latest build of this project' -r
complete -c icktool -n "__fish_icktool_using_subcommand get-artifact" -s o -l output -d 'Where to; `-` is standard output. In this folder, under the last part of the name, when left out' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand get-artifact" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand get-artifact" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand get-artifact" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand get-artifact" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand get-artifact" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand get-artifact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand put-artifact" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand put-artifact" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand put-artifact" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand put-artifact" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand put-artifact" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand put-artifact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand delete-artifact" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand delete-artifact" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-artifact" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-artifact" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-artifact" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-artifact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand login" -l client-id -d 'The client\'s name; ICK_CLIENT_ID when left out' -r
complete -c icktool -n "__fish_icktool_using_subcommand login" -l client-secret-file -d 'A file with the client\'s secret' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand login" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand login" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand login" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand login" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand login" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand login" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand logout" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand logout" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand logout" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand logout" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand logout" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand logout" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand whoami" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand whoami" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand whoami" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand whoami" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand whoami" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand whoami" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand token" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand token" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand token" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand token" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand token" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand token" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand create-client" -l scope -d 'What it may do; can be given several times' -r
complete -c icktool -n "__fish_icktool_using_subcommand create-client" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand create-client" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand create-client" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand create-client" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand create-client" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand create-client" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand list-clients" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand list-clients" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-clients" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand list-clients" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand list-clients" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand list-clients" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand delete-client" -l controller -d 'The controller\'s URL; ICK_CONTROLLER when left out, else the one of `up` or `login`' -r
complete -c icktool -n "__fish_icktool_using_subcommand delete-client" -l ca-file -d 'A file with the certificates of the authorities (CA) that sign the servers\' ones, instead of those that this machine trusts; ICK_CA_FILE when left out, else the one given at `login`' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-client" -l state -d 'The state folder of an Ick that `icktool up` started: use that one' -r -F
complete -c icktool -n "__fish_icktool_using_subcommand delete-client" -l format -d 'The form of results' -r -f -a "text\t'For people'
json\t'For programs: the API\'s own objects'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-client" -l color -d 'When to use colour; `auto`: on a terminal, unless NO_COLOR is set' -r -f -a "auto\t'On a terminal, unless NO_COLOR is set'
always\t'Always'
never\t'Never'"
complete -c icktool -n "__fish_icktool_using_subcommand delete-client" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "up" -d 'Start a whole Ick on this machine'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "down" -d 'End the Ick that `up` started'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "run" -d 'Build here and now, without a server'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "validate" -d 'Check definition files, without a server'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "make-it-so" -d 'Apply definition files: create and change the projects and pipelines they describe'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "build" -d 'Trigger a build'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "show-log" -d 'Show what a build wrote'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "status" -d 'Show how the servers, the workers, and the running and waiting builds are'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "list-builds" -d 'List builds, newest first'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "show-build" -d 'Show a build'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "cancel-build" -d 'Cancel a build'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "delete-build" -d 'Delete a build that has ended, with its log'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "list-projects" -d 'List projects'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "show-project" -d 'Show a project'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "delete-project" -d 'Delete a project; its finished builds stay readable'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "list-pipelines" -d 'List pipelines'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "show-pipeline" -d 'Show a pipeline'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "delete-pipeline" -d 'Delete a pipeline'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "list-actions" -d 'List the actions that pipelines can have, without a server'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "help-action" -d 'Show an action\'s fields and an example, without a server'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "list-workers" -d 'List workers'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "show-worker" -d 'Show a worker'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "drain-worker" -d 'Give a worker no new builds; what it runs goes on'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "resume-worker" -d 'Give a drained worker builds again'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "delete-worker" -d 'Delete a worker\'s record'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "create-worker" -d 'Make a new worker for another host'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "list-artifacts" -d 'List artifacts'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "get-artifact" -d 'Fetch an artifact'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "put-artifact" -d 'Store a file as an artifact'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "delete-artifact" -d 'Delete an artifact'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "login" -d 'Make a controller the default one, and keep the credentials for it'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "logout" -d 'Forget the credentials for a controller'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "whoami" -d 'Show which client this is, and what it may do'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "token" -d 'Print an access token'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "create-client" -d 'Make an API client'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "list-clients" -d 'List API clients'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "delete-client" -d 'Delete an API client'
complete -c icktool -n "__fish_icktool_using_subcommand help; and not __fish_seen_subcommand_from up down run validate make-it-so build show-log status list-builds show-build cancel-build delete-build list-projects show-project delete-project list-pipelines show-pipeline delete-pipeline list-actions help-action list-workers show-worker drain-worker resume-worker delete-worker create-worker list-artifacts get-artifact put-artifact delete-artifact login logout whoami token create-client list-clients delete-client help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
