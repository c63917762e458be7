# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_wnm_global_optspecs
    string join \n json color= q/quiet v/verbose log-format= config= db= h/help V/version
end

function __fish_wnm_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_wnm_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_wnm_using_subcommand
    set -l cmd (__fish_wnm_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c wnm -n "__fish_wnm_needs_command" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_needs_command" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_needs_command" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_needs_command" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_needs_command" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_needs_command" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_needs_command" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_needs_command" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_needs_command" -s V -l version -d 'Print version'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "init" -d 'Create a colony on this host'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "run" -d 'Run one management cycle and exit'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "daemon" -d 'Run management cycles until stopped'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "status" -d 'Show the host and the colony'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "explain" -d 'Show why wnm acted or did not act'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "history" -d 'List past cycles and actions, newest first'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "events" -d 'Print begins and ends of actions, oldest first'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "report" -d 'Print a report for scripts and dashboards'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "node" -d 'List, add, start, stop and remove nodes'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "storage" -d 'List, add and drain storage folders'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "hold" -d 'Hold voluntary actions until `wnm resume`'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "resume" -d 'End the hold of `wnm hold`'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "trash" -d 'List and restore removed nodes'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "probe" -d 'Test whether the network answers from here'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "config" -d 'Show and change settings'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "doctor" -d 'Check this host for problems and suggest fixes'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "record" -d 'Record the host and its nodes as a trace'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "db" -d 'Check, back up and restore the database'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "service" -d 'Run wnm as a service or a cron job'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "util" -d 'Print shell completions and man pages'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "teardown" -d 'Remove all nodes with their identities'
complete -c wnm -n "__fish_wnm_needs_command" -f -a "demo" -d 'Run a short demo with fake nodes'
complete -c wnm -n "__fish_wnm_using_subcommand init" -l from-wnm -d 'Take over the settings and nodes of the Python wnm from its database, without changing it' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand init" -l node-cap -d 'Maximum number of nodes [default: 20]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l cpu-less-than -d 'Add nodes only while CPU use is below this, in percent [default: 50]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l cpu-remove -d 'Stop nodes while CPU use is above this, in percent [default: 70]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l mem-less-than -d 'Add nodes only while memory use is below this, in percent [default: 60]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l mem-remove -d 'Stop nodes while memory use is above this, in percent [default: 75]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l hd-less-than -d 'Add nodes only while the use of their volume is below this, in percent [default: 75]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l hd-remove -d 'Remove nodes while the use of their volume is above this, in percent [default: 90]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l hdio-read-less-than -d 'Add nodes only while disk reads are below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l hdio-read-remove -d 'Stop nodes while disk reads are above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l hdio-write-less-than -d 'Add nodes only while disk writes are below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l hdio-write-remove -d 'Stop nodes while disk writes are above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l netio-read-less-than -d 'Add nodes only while received network traffic is below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l netio-read-remove -d 'Stop nodes while received network traffic is above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l netio-write-less-than -d 'Add nodes only while sent network traffic is below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l netio-write-remove -d 'Stop nodes while sent network traffic is above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l desired-load-average -d 'Add nodes only while all three load averages are below this [default: 0.6 per CPU]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l max-load-average-allowed -d 'Add no node while any load average is above this. Load averages stop no node [default: 1 per CPU]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l cpu-limit -d 'Allow a CPU limit on all nodes together, on hosts that support one [default: true]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l cpu-weight -d 'Weight of all nodes together for CPU time, where an ordinary service has 100; idle gives nodes only CPU time that no other work wants, so that they stop serving on a busy host [default: 10]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l io-weight -d 'Weight of all nodes together for disks, where an ordinary service has 100; idle gives nodes only disk time that no other work wants, so that their reads and writes can wait without end [default: 10]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l delay-start -d 'Time after the start of a node without further action on it, in seconds [default: 5min; 1min under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l delay-restart -d 'Least time between the stop of a node and its next start, in seconds [default: 10min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l delay-upgrade -d 'Time after the upgrade of a node without further action on it, in seconds [default: 5min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l delay-remove -d 'Time between the stop of a removed node and the deletion of its folder, in seconds [default: 5min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l survey-delay -d 'Pause between the probes of two nodes, in milliseconds [default: 0s]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l action-delay -d 'Pause between the actions on two nodes, in milliseconds [default: 0s]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l max-concurrent-upgrades -d 'Maximum number of nodes that upgrade at the same time [default: 1]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l max-concurrent-starts -d 'Maximum number of nodes that start at the same time [default: 1; 4 under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l max-concurrent-removals -d 'Maximum number of nodes in removal at the same time [default: 1; 4 under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l max-concurrent-operations -d 'Maximum number of operations of all kinds at the same time [default: 1; 4 under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l enable-upgrade -d 'Roll out the node program of wnm to all nodes, instead of upgrades by the nodes themselves [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l rewards-address -d 'Address that receives the rewards of new nodes: an address, faucet, donate, or a weighted list such as 0x…:9,faucet:1 [default: none, required]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l donate-address -d 'Address that the word donate in rewards_address means [default: the community faucet]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l node-storage -d 'Folders for new nodes, absolute, separated by commas [default: depends on the process manager]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l drained-storage -d 'Folders of node_storage that get no new nodes, absolute, separated by commas; wnm storage drain maintains it [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l log-dir -d 'Folder in which each new node gets a folder for its logs, except under antctl+zen, which chooses it [default: depends on the process manager]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l port-start -d 'Start of the node ports in thousands, 1 to 64 [default: 55]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l metrics-port-start -d 'Start of the metrics ports in thousands, 1 to 64 [default: 13]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l rpc-port-start -d 'Start of the third ports (RPC or WebRTC) in thousands, 1 to 64 [default: 30]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l process-manager -d 'Program that starts and stops nodes, with its scope, such as systemd+sudo [default: detected]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l firewall -d 'Firewall that opens the node ports: ufw or none [default: ufw with systemd+sudo, otherwise none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l flavor -d 'Node program of new nodes: antnode, ant-node, or custom with a description [default: antnode]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l antnode-path -d 'Path of the node program for new nodes and upgrades [default: the flavor\'s program in the user\'s program folder]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l network -d 'Payment network of new nodes, as words of their command line [default: evm-arbitrum-one]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l start-args -d 'Further arguments of new nodes, quoted as in a shell [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l environment -d 'Environment of new nodes, as NAME=VALUE words [default: empty]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l no-upnp -d 'Start new nodes with --no-upnp, so that they do not ask the router for a port [default: true]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l crisis-bytes -d 'Disk space that a full node may use, in bytes [default: 2 GB]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l move-rate -d 'Bytes per second with which the folder of a node moves to another volume, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l preset -d 'Set of rules: classic or steady. wnm init stores steady in a new colony [default: classic]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l steady-warning -d 'Steady: distance of the warning threshold below the high one, as a share of the gap to the low one, in percent [default: 20]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l steady-relief-target -d 'Steady: distance of the relief target below the high threshold, as a share of the gap, in percent [default: 30]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l steady-growth-target -d 'Steady: distance of the growth target above the low threshold, as a share of the gap, in percent [default: 50]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l steady-grace -d 'Steady: initial grace period of CPU use over its high threshold, in seconds [default: 2min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l steady-cooldown -d 'Steady: cooldown between two changes, in seconds [default: 1min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l steady-adds -d 'Steady: maximum number of nodes that one cycle starts or adds [default: 4]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l host -d 'Host name or address of the metrics servers [default: 127.0.0.1]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l listen -d 'Address of the daemon\'s HTTP server with metrics and API, on the loopback interface, or off; where another program has the port, the next free one serves [default: off]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l window -d 'Times at which voluntary actions may begin, separated by commas, such as daily 22:00-06:00, hourly :05-:55 or deny daily 18:00-23:00 Europe/Berlin; a window that denies has precedence [default: any time]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l drain -d 'Begin an action only if its delay ends inside the window, and cancel removals in their delay at the end of the window [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l max-unavailable -d 'Maximum number or share of the nodes that are unavailable when a voluntary action stops another one, such as 2 or 10% [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l hold-file -d 'File that holds voluntary actions while it exists; its first line is the reason [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l hold-url -d 'Address that tells once a minute whether voluntary actions are held [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l ca-file -d 'File with the certificates of own authorities in PEM form, which alone are trusted for https addresses of wnm [default: the public authorities]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l probe -d 'Run the tasks of probe_tasks in a daemon: downloads, quotes and uploads that tell whether the network answers [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l probe-tasks -d 'Files and addresses (http:// or https://) with the tasks of probes and their files, quoted as in a shell [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l probe-client -d 'Path of the client program of the network, which probes run [default: ant in PATH]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l probe-args -d 'Further arguments of every call of the client, quoted as in a shell [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l probe-window -d 'Minutes of each hour in which probes run, such as :05-:55; :00-:60 is the whole hour [default: :05-:55]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l probe-upload -d 'Run uploads too; each one costs tokens and gas [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l probe-key -d 'Path of the file with the private key of the wallet that pays uploads, readable by its owner only [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l probe-spend -d 'Tokens that uploads may spend in a day, which begins at midnight UTC [default: 0]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l docker-image -d 'Image of new containers under docker, present on the host [default: debian:bookworm-slim]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l antctl-path -d 'Path of the antctl program [default: antctl in PATH]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l antctl-version -d 'Version of the node program that antctl fetches for new nodes [default: a copy of antnode_path]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l antctl-debug -d 'Run antctl with --debug [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l highest-node-id-used -d 'Highest node number ever used, so that antctl never reuses one; wnm maintains it [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand init" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand init" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand init" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand init" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand init" -l import -d 'Take over the nodes that the process manager runs already'
complete -c wnm -n "__fish_wnm_using_subcommand init" -l from-anm -d 'Stop anm, and take over its settings and nodes'
complete -c wnm -n "__fish_wnm_using_subcommand init" -l from-antctl -d 'Take over the nodes of antctl, which then runs them for wnm'
complete -c wnm -n "__fish_wnm_using_subcommand init" -l from-ant -d 'Take over the nodes of the daemon of `ant`, which must not run, and rename its registry'
complete -c wnm -n "__fish_wnm_using_subcommand init" -l dry-run -d 'Show what would be created or taken over, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand init" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand init" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand init" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand init" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand run" -l this-action-delay -d 'Pause between the actions on two nodes, in milliseconds' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l this-survey-delay -d 'Pause between the probes of two nodes, in milliseconds' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l this-enable-upgrade -d 'Whether wnm upgrades nodes to its node program' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l node-cap -d 'Maximum number of nodes [default: 20]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l cpu-less-than -d 'Add nodes only while CPU use is below this, in percent [default: 50]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l cpu-remove -d 'Stop nodes while CPU use is above this, in percent [default: 70]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l mem-less-than -d 'Add nodes only while memory use is below this, in percent [default: 60]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l mem-remove -d 'Stop nodes while memory use is above this, in percent [default: 75]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l hd-less-than -d 'Add nodes only while the use of their volume is below this, in percent [default: 75]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l hd-remove -d 'Remove nodes while the use of their volume is above this, in percent [default: 90]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l hdio-read-less-than -d 'Add nodes only while disk reads are below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l hdio-read-remove -d 'Stop nodes while disk reads are above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l hdio-write-less-than -d 'Add nodes only while disk writes are below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l hdio-write-remove -d 'Stop nodes while disk writes are above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l netio-read-less-than -d 'Add nodes only while received network traffic is below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l netio-read-remove -d 'Stop nodes while received network traffic is above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l netio-write-less-than -d 'Add nodes only while sent network traffic is below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l netio-write-remove -d 'Stop nodes while sent network traffic is above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l desired-load-average -d 'Add nodes only while all three load averages are below this [default: 0.6 per CPU]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l max-load-average-allowed -d 'Add no node while any load average is above this. Load averages stop no node [default: 1 per CPU]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l cpu-limit -d 'Allow a CPU limit on all nodes together, on hosts that support one [default: true]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l cpu-weight -d 'Weight of all nodes together for CPU time, where an ordinary service has 100; idle gives nodes only CPU time that no other work wants, so that they stop serving on a busy host [default: 10]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l io-weight -d 'Weight of all nodes together for disks, where an ordinary service has 100; idle gives nodes only disk time that no other work wants, so that their reads and writes can wait without end [default: 10]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l delay-start -d 'Time after the start of a node without further action on it, in seconds [default: 5min; 1min under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l delay-restart -d 'Least time between the stop of a node and its next start, in seconds [default: 10min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l delay-upgrade -d 'Time after the upgrade of a node without further action on it, in seconds [default: 5min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l delay-remove -d 'Time between the stop of a removed node and the deletion of its folder, in seconds [default: 5min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l survey-delay -d 'Pause between the probes of two nodes, in milliseconds [default: 0s]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l action-delay -d 'Pause between the actions on two nodes, in milliseconds [default: 0s]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l max-concurrent-upgrades -d 'Maximum number of nodes that upgrade at the same time [default: 1]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l max-concurrent-starts -d 'Maximum number of nodes that start at the same time [default: 1; 4 under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l max-concurrent-removals -d 'Maximum number of nodes in removal at the same time [default: 1; 4 under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l max-concurrent-operations -d 'Maximum number of operations of all kinds at the same time [default: 1; 4 under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l enable-upgrade -d 'Roll out the node program of wnm to all nodes, instead of upgrades by the nodes themselves [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l rewards-address -d 'Address that receives the rewards of new nodes: an address, faucet, donate, or a weighted list such as 0x…:9,faucet:1 [default: none, required]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l donate-address -d 'Address that the word donate in rewards_address means [default: the community faucet]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l node-storage -d 'Folders for new nodes, absolute, separated by commas [default: depends on the process manager]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l drained-storage -d 'Folders of node_storage that get no new nodes, absolute, separated by commas; wnm storage drain maintains it [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l log-dir -d 'Folder in which each new node gets a folder for its logs, except under antctl+zen, which chooses it [default: depends on the process manager]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l port-start -d 'Start of the node ports in thousands, 1 to 64 [default: 55]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l metrics-port-start -d 'Start of the metrics ports in thousands, 1 to 64 [default: 13]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l rpc-port-start -d 'Start of the third ports (RPC or WebRTC) in thousands, 1 to 64 [default: 30]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l process-manager -d 'Program that starts and stops nodes, with its scope, such as systemd+sudo [default: detected]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l firewall -d 'Firewall that opens the node ports: ufw or none [default: ufw with systemd+sudo, otherwise none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l flavor -d 'Node program of new nodes: antnode, ant-node, or custom with a description [default: antnode]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l antnode-path -d 'Path of the node program for new nodes and upgrades [default: the flavor\'s program in the user\'s program folder]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l network -d 'Payment network of new nodes, as words of their command line [default: evm-arbitrum-one]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l start-args -d 'Further arguments of new nodes, quoted as in a shell [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l environment -d 'Environment of new nodes, as NAME=VALUE words [default: empty]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l no-upnp -d 'Start new nodes with --no-upnp, so that they do not ask the router for a port [default: true]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l crisis-bytes -d 'Disk space that a full node may use, in bytes [default: 2 GB]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l move-rate -d 'Bytes per second with which the folder of a node moves to another volume, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l preset -d 'Set of rules: classic or steady. wnm init stores steady in a new colony [default: classic]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l steady-warning -d 'Steady: distance of the warning threshold below the high one, as a share of the gap to the low one, in percent [default: 20]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l steady-relief-target -d 'Steady: distance of the relief target below the high threshold, as a share of the gap, in percent [default: 30]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l steady-growth-target -d 'Steady: distance of the growth target above the low threshold, as a share of the gap, in percent [default: 50]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l steady-grace -d 'Steady: initial grace period of CPU use over its high threshold, in seconds [default: 2min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l steady-cooldown -d 'Steady: cooldown between two changes, in seconds [default: 1min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l steady-adds -d 'Steady: maximum number of nodes that one cycle starts or adds [default: 4]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l host -d 'Host name or address of the metrics servers [default: 127.0.0.1]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l listen -d 'Address of the daemon\'s HTTP server with metrics and API, on the loopback interface, or off; where another program has the port, the next free one serves [default: off]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l window -d 'Times at which voluntary actions may begin, separated by commas, such as daily 22:00-06:00, hourly :05-:55 or deny daily 18:00-23:00 Europe/Berlin; a window that denies has precedence [default: any time]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l drain -d 'Begin an action only if its delay ends inside the window, and cancel removals in their delay at the end of the window [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l max-unavailable -d 'Maximum number or share of the nodes that are unavailable when a voluntary action stops another one, such as 2 or 10% [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l hold-file -d 'File that holds voluntary actions while it exists; its first line is the reason [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l hold-url -d 'Address that tells once a minute whether voluntary actions are held [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l ca-file -d 'File with the certificates of own authorities in PEM form, which alone are trusted for https addresses of wnm [default: the public authorities]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l probe -d 'Run the tasks of probe_tasks in a daemon: downloads, quotes and uploads that tell whether the network answers [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l probe-tasks -d 'Files and addresses (http:// or https://) with the tasks of probes and their files, quoted as in a shell [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l probe-client -d 'Path of the client program of the network, which probes run [default: ant in PATH]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l probe-args -d 'Further arguments of every call of the client, quoted as in a shell [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l probe-window -d 'Minutes of each hour in which probes run, such as :05-:55; :00-:60 is the whole hour [default: :05-:55]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l probe-upload -d 'Run uploads too; each one costs tokens and gas [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l probe-key -d 'Path of the file with the private key of the wallet that pays uploads, readable by its owner only [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l probe-spend -d 'Tokens that uploads may spend in a day, which begins at midnight UTC [default: 0]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l docker-image -d 'Image of new containers under docker, present on the host [default: debian:bookworm-slim]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l antctl-path -d 'Path of the antctl program [default: antctl in PATH]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l antctl-version -d 'Version of the node program that antctl fetches for new nodes [default: a copy of antnode_path]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l antctl-debug -d 'Run antctl with --debug [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l highest-node-id-used -d 'Highest node number ever used, so that antctl never reuses one; wnm maintains it [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand run" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand run" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand run" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand run" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand run" -l dry-run -d 'Show the decision, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand run" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand run" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand run" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand run" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l interval -d 'Time between two cycles, such as 5s or 1m; at least 100ms' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l node-cap -d 'Maximum number of nodes [default: 20]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l cpu-less-than -d 'Add nodes only while CPU use is below this, in percent [default: 50]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l cpu-remove -d 'Stop nodes while CPU use is above this, in percent [default: 70]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l mem-less-than -d 'Add nodes only while memory use is below this, in percent [default: 60]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l mem-remove -d 'Stop nodes while memory use is above this, in percent [default: 75]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l hd-less-than -d 'Add nodes only while the use of their volume is below this, in percent [default: 75]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l hd-remove -d 'Remove nodes while the use of their volume is above this, in percent [default: 90]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l hdio-read-less-than -d 'Add nodes only while disk reads are below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l hdio-read-remove -d 'Stop nodes while disk reads are above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l hdio-write-less-than -d 'Add nodes only while disk writes are below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l hdio-write-remove -d 'Stop nodes while disk writes are above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l netio-read-less-than -d 'Add nodes only while received network traffic is below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l netio-read-remove -d 'Stop nodes while received network traffic is above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l netio-write-less-than -d 'Add nodes only while sent network traffic is below this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l netio-write-remove -d 'Stop nodes while sent network traffic is above this, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l desired-load-average -d 'Add nodes only while all three load averages are below this [default: 0.6 per CPU]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l max-load-average-allowed -d 'Add no node while any load average is above this. Load averages stop no node [default: 1 per CPU]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l cpu-limit -d 'Allow a CPU limit on all nodes together, on hosts that support one [default: true]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l cpu-weight -d 'Weight of all nodes together for CPU time, where an ordinary service has 100; idle gives nodes only CPU time that no other work wants, so that they stop serving on a busy host [default: 10]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l io-weight -d 'Weight of all nodes together for disks, where an ordinary service has 100; idle gives nodes only disk time that no other work wants, so that their reads and writes can wait without end [default: 10]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l delay-start -d 'Time after the start of a node without further action on it, in seconds [default: 5min; 1min under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l delay-restart -d 'Least time between the stop of a node and its next start, in seconds [default: 10min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l delay-upgrade -d 'Time after the upgrade of a node without further action on it, in seconds [default: 5min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l delay-remove -d 'Time between the stop of a removed node and the deletion of its folder, in seconds [default: 5min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l survey-delay -d 'Pause between the probes of two nodes, in milliseconds [default: 0s]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l action-delay -d 'Pause between the actions on two nodes, in milliseconds [default: 0s]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l max-concurrent-upgrades -d 'Maximum number of nodes that upgrade at the same time [default: 1]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l max-concurrent-starts -d 'Maximum number of nodes that start at the same time [default: 1; 4 under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l max-concurrent-removals -d 'Maximum number of nodes in removal at the same time [default: 1; 4 under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l max-concurrent-operations -d 'Maximum number of operations of all kinds at the same time [default: 1; 4 under steady]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l enable-upgrade -d 'Roll out the node program of wnm to all nodes, instead of upgrades by the nodes themselves [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l rewards-address -d 'Address that receives the rewards of new nodes: an address, faucet, donate, or a weighted list such as 0x…:9,faucet:1 [default: none, required]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l donate-address -d 'Address that the word donate in rewards_address means [default: the community faucet]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l node-storage -d 'Folders for new nodes, absolute, separated by commas [default: depends on the process manager]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l drained-storage -d 'Folders of node_storage that get no new nodes, absolute, separated by commas; wnm storage drain maintains it [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l log-dir -d 'Folder in which each new node gets a folder for its logs, except under antctl+zen, which chooses it [default: depends on the process manager]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l port-start -d 'Start of the node ports in thousands, 1 to 64 [default: 55]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l metrics-port-start -d 'Start of the metrics ports in thousands, 1 to 64 [default: 13]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l rpc-port-start -d 'Start of the third ports (RPC or WebRTC) in thousands, 1 to 64 [default: 30]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l process-manager -d 'Program that starts and stops nodes, with its scope, such as systemd+sudo [default: detected]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l firewall -d 'Firewall that opens the node ports: ufw or none [default: ufw with systemd+sudo, otherwise none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l flavor -d 'Node program of new nodes: antnode, ant-node, or custom with a description [default: antnode]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l antnode-path -d 'Path of the node program for new nodes and upgrades [default: the flavor\'s program in the user\'s program folder]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l network -d 'Payment network of new nodes, as words of their command line [default: evm-arbitrum-one]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l start-args -d 'Further arguments of new nodes, quoted as in a shell [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l environment -d 'Environment of new nodes, as NAME=VALUE words [default: empty]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l no-upnp -d 'Start new nodes with --no-upnp, so that they do not ask the router for a port [default: true]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l crisis-bytes -d 'Disk space that a full node may use, in bytes [default: 2 GB]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l move-rate -d 'Bytes per second with which the folder of a node moves to another volume, in bytes/s [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l preset -d 'Set of rules: classic or steady. wnm init stores steady in a new colony [default: classic]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l steady-warning -d 'Steady: distance of the warning threshold below the high one, as a share of the gap to the low one, in percent [default: 20]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l steady-relief-target -d 'Steady: distance of the relief target below the high threshold, as a share of the gap, in percent [default: 30]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l steady-growth-target -d 'Steady: distance of the growth target above the low threshold, as a share of the gap, in percent [default: 50]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l steady-grace -d 'Steady: initial grace period of CPU use over its high threshold, in seconds [default: 2min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l steady-cooldown -d 'Steady: cooldown between two changes, in seconds [default: 1min]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l steady-adds -d 'Steady: maximum number of nodes that one cycle starts or adds [default: 4]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l host -d 'Host name or address of the metrics servers [default: 127.0.0.1]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l listen -d 'Address of the daemon\'s HTTP server with metrics and API, on the loopback interface, or off; where another program has the port, the next free one serves [default: off]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l window -d 'Times at which voluntary actions may begin, separated by commas, such as daily 22:00-06:00, hourly :05-:55 or deny daily 18:00-23:00 Europe/Berlin; a window that denies has precedence [default: any time]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l drain -d 'Begin an action only if its delay ends inside the window, and cancel removals in their delay at the end of the window [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l max-unavailable -d 'Maximum number or share of the nodes that are unavailable when a voluntary action stops another one, such as 2 or 10% [default: no limit]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l hold-file -d 'File that holds voluntary actions while it exists; its first line is the reason [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l hold-url -d 'Address that tells once a minute whether voluntary actions are held [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l ca-file -d 'File with the certificates of own authorities in PEM form, which alone are trusted for https addresses of wnm [default: the public authorities]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l probe -d 'Run the tasks of probe_tasks in a daemon: downloads, quotes and uploads that tell whether the network answers [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l probe-tasks -d 'Files and addresses (http:// or https://) with the tasks of probes and their files, quoted as in a shell [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l probe-client -d 'Path of the client program of the network, which probes run [default: ant in PATH]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l probe-args -d 'Further arguments of every call of the client, quoted as in a shell [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l probe-window -d 'Minutes of each hour in which probes run, such as :05-:55; :00-:60 is the whole hour [default: :05-:55]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l probe-upload -d 'Run uploads too; each one costs tokens and gas [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l probe-key -d 'Path of the file with the private key of the wallet that pays uploads, readable by its owner only [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l probe-spend -d 'Tokens that uploads may spend in a day, which begins at midnight UTC [default: 0]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l docker-image -d 'Image of new containers under docker, present on the host [default: debian:bookworm-slim]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l antctl-path -d 'Path of the antctl program [default: antctl in PATH]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l antctl-version -d 'Version of the node program that antctl fetches for new nodes [default: a copy of antnode_path]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l antctl-debug -d 'Run antctl with --debug [default: false]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l highest-node-id-used -d 'Highest node number ever used, so that antctl never reuses one; wnm maintains it [default: none]' -r
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand daemon" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand status" -s w -l watch -d 'Show the page again every 2s, or after this time, until interrupted; at least 100ms' -r
complete -c wnm -n "__fish_wnm_using_subcommand status" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand status" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand status" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand status" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand status" -l check -d 'Exit with code 3 when no cycle ran for three intervals, or a node that should run does not'
complete -c wnm -n "__fish_wnm_using_subcommand status" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand status" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand status" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand status" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand explain" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand explain" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand explain" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand explain" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand explain" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand explain" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand explain" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand explain" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand history" -l node -d 'Only this node, which may be a removed one' -r
complete -c wnm -n "__fish_wnm_using_subcommand history" -l since -d 'From this time on: a time ago such as 2h, a date such as 2026-11-01, or a time such as 2026-11-01T13:00:00Z' -r
complete -c wnm -n "__fish_wnm_using_subcommand history" -l until -d 'Until this time, in the same forms; a date means the beginning of that day' -r
complete -c wnm -n "__fish_wnm_using_subcommand history" -l limit -d 'Maximum number of cycles, the latest ones' -r
complete -c wnm -n "__fish_wnm_using_subcommand history" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand history" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand history" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand history" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand history" -l idle -d 'List cycles without actions too; the last 100 are on record'
complete -c wnm -n "__fish_wnm_using_subcommand history" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand history" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand history" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand history" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand events" -l node -d 'Only this node, which may be a removed one' -r
complete -c wnm -n "__fish_wnm_using_subcommand events" -l since -d 'From this time on: a time ago such as 2h, a date such as 2026-11-01, or a time such as 2026-11-01T13:00:00Z' -r
complete -c wnm -n "__fish_wnm_using_subcommand events" -l until -d 'Until this time, in the same forms; a date means the beginning of that day' -r
complete -c wnm -n "__fish_wnm_using_subcommand events" -s n -l lines -d 'Number of events, the latest ones' -r
complete -c wnm -n "__fish_wnm_using_subcommand events" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand events" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand events" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand events" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand events" -s f -l follow -d 'Go on with new events until interrupted; with --json one document per event'
complete -c wnm -n "__fish_wnm_using_subcommand events" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand events" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand events" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand events" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand report" -l format -d 'Output format [default: text]' -r -f -a "text\t'Text for people'
json\t'JSON'
env\t'KEY=value lines for a shell'
config\t'key=value lines for a config file'"
complete -c wnm -n "__fish_wnm_using_subcommand report" -l push -d 'Write the lines of influx-resources to the InfluxDB at this address' -r
complete -c wnm -n "__fish_wnm_using_subcommand report" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand report" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand report" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand report" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand report" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand report" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand report" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand report" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "list" -d 'List nodes'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "show" -d 'Show all data of nodes, and their last events'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "logs" -d 'Print the log of a node'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "add" -d 'Add nodes'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "remove" -d 'Remove nodes with their identities'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "start" -d 'Start nodes, the oldest first, and upgrade outdated ones'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "stop" -d 'Stop nodes, the youngest first, until they are started by name'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "restart" -d 'Restart nodes'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "upgrade" -d 'Upgrade nodes to the installed node program, the oldest first'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "reset" -d 'Give nodes a new identity, and keep their numbers and ports'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "update" -d 'Give existing nodes other settings, and restart the running ones'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "move" -d 'Move nodes to another storage folder'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "enable" -d 'Allow disabled nodes to start again'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "disable" -d 'Stop nodes, and keep them stopped until enabled or started by name'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "restore" -d 'Restore removed nodes from the trash, stopped'
complete -c wnm -n "__fish_wnm_using_subcommand node; and not __fish_seen_subcommand_from list show logs add remove start stop restart upgrade reset update move enable disable restore survey" -f -a "survey" -d 'Probe every node and store the results'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from list" -l state -d 'List only nodes in these states, such as STOPPED, separated by commas' -r -f -a "RUNNING\t''
UNKNOWN\t''
STOPPED\t''
RESTARTING\t''
UPGRADING\t''
MIGRATING\t''
REMOVING\t''
DEAD\t''
DISABLED\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from list" -l sort -d 'Sort by a column: texts upwards, numbers and times from the largest down [default: name]' -r -f -a "name\t''
state\t''
since\t''
reason\t''
restarts\t''
version\t''
peers\t''
records\t''
cpu\t''
memory\t''
disk\t''
port\t''
age\t''
peer-id\t''
manager\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from list" -l columns -d 'Columns to show, separated by commas: name, state, since, reason, restarts, version, peers, records, cpu, memory, disk, port, age, peer-id, manager' -r -f -a "name\t''
state\t''
since\t''
reason\t''
restarts\t''
version\t''
peers\t''
records\t''
cpu\t''
memory\t''
disk\t''
port\t''
age\t''
peer-id\t''
manager\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from list" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from list" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from list" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from list" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from show" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from show" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from show" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from show" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from logs" -s n -l lines -d 'Number of lines, the last ones' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from logs" -l source -d 'Log to read [default: program, or manager if the program has written no log]' -r -f -a "program\t'The file that the node program writes'
manager\t'The log of the process manager: the journal of systemd, or the log of the container'"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from logs" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from logs" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from logs" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from logs" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from logs" -s f -l follow -d 'Go on with new lines until interrupted; with --json one document per reading'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from logs" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from logs" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from logs" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from logs" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from add" -l count -d 'Number of nodes' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from add" -l interval -d 'Pause between the actions on two nodes, in milliseconds [default: action_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from add" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from add" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from add" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from add" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from add" -l dry-run -d 'Show the actions, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from add" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -l count -d 'Number of nodes, chosen by age' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -l state -d 'All nodes in these states, such as STOPPED, separated by commas' -r -f -a "RUNNING\t''
UNKNOWN\t''
STOPPED\t''
RESTARTING\t''
UPGRADING\t''
MIGRATING\t''
REMOVING\t''
DEAD\t''
DISABLED\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -l interval -d 'Pause between the actions on two nodes, in milliseconds [default: action_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -l all -d 'All nodes that allow the action'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -l dry-run -d 'Show the actions, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -s y -l yes -d 'Do not ask for confirmation; required without a terminal'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from remove" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -l count -d 'Number of nodes, chosen by age' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -l state -d 'All nodes in these states, such as STOPPED, separated by commas' -r -f -a "RUNNING\t''
UNKNOWN\t''
STOPPED\t''
RESTARTING\t''
UPGRADING\t''
MIGRATING\t''
REMOVING\t''
DEAD\t''
DISABLED\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -l interval -d 'Pause between the actions on two nodes, in milliseconds [default: action_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -l all -d 'All nodes that allow the action'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -l dry-run -d 'Show the actions, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from start" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -l count -d 'Number of nodes, chosen by age' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -l state -d 'All nodes in these states, such as STOPPED, separated by commas' -r -f -a "RUNNING\t''
UNKNOWN\t''
STOPPED\t''
RESTARTING\t''
UPGRADING\t''
MIGRATING\t''
REMOVING\t''
DEAD\t''
DISABLED\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -l interval -d 'Pause between the actions on two nodes, in milliseconds [default: action_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -l all -d 'All nodes that allow the action'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -l dry-run -d 'Show the actions, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from stop" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -l count -d 'Number of nodes, chosen by age' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -l state -d 'All nodes in these states, such as STOPPED, separated by commas' -r -f -a "RUNNING\t''
UNKNOWN\t''
STOPPED\t''
RESTARTING\t''
UPGRADING\t''
MIGRATING\t''
REMOVING\t''
DEAD\t''
DISABLED\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -l interval -d 'Pause between the actions on two nodes, in milliseconds [default: action_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -l all -d 'All nodes that allow the action'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -l dry-run -d 'Show the actions, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restart" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -l count -d 'Number of nodes, chosen by age' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -l state -d 'All nodes in these states, such as STOPPED, separated by commas' -r -f -a "RUNNING\t''
UNKNOWN\t''
STOPPED\t''
RESTARTING\t''
UPGRADING\t''
MIGRATING\t''
REMOVING\t''
DEAD\t''
DISABLED\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -l interval -d 'Pause between the actions on two nodes, in milliseconds [default: action_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -l all -d 'All nodes that allow the action'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -l dry-run -d 'Show the actions, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from upgrade" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -l count -d 'Number of nodes, chosen by age' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -l state -d 'All nodes in these states, such as STOPPED, separated by commas' -r -f -a "RUNNING\t''
UNKNOWN\t''
STOPPED\t''
RESTARTING\t''
UPGRADING\t''
MIGRATING\t''
REMOVING\t''
DEAD\t''
DISABLED\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -l interval -d 'Pause between the actions on two nodes, in milliseconds [default: action_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -l all -d 'All nodes that allow the action'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -l dry-run -d 'Show the actions, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -s y -l yes -d 'Do not ask for confirmation; required without a terminal'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from reset" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -l count -d 'Number of nodes, chosen by age' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -l state -d 'All nodes in these states, such as STOPPED, separated by commas' -r -f -a "RUNNING\t''
UNKNOWN\t''
STOPPED\t''
RESTARTING\t''
UPGRADING\t''
MIGRATING\t''
REMOVING\t''
DEAD\t''
DISABLED\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -l interval -d 'Pause between the actions on two nodes, in milliseconds [default: action_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -l set -d 'New value of a setting; repeatable [default: the present settings of new nodes]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -l all -d 'All nodes that allow the action'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -l dry-run -d 'Show the actions, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from update" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -l count -d 'Number of nodes, chosen by age' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -l state -d 'All nodes in these states, such as STOPPED, separated by commas' -r -f -a "RUNNING\t''
UNKNOWN\t''
STOPPED\t''
RESTARTING\t''
UPGRADING\t''
MIGRATING\t''
REMOVING\t''
DEAD\t''
DISABLED\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -l interval -d 'Pause between the actions on two nodes, in milliseconds [default: action_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -l to -d 'Storage folder to move to, one of node_storage' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -l all -d 'All nodes that allow the action'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -l dry-run -d 'Show the actions, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from move" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -l count -d 'Number of nodes, chosen by age' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -l state -d 'All nodes in these states, such as STOPPED, separated by commas' -r -f -a "RUNNING\t''
UNKNOWN\t''
STOPPED\t''
RESTARTING\t''
UPGRADING\t''
MIGRATING\t''
REMOVING\t''
DEAD\t''
DISABLED\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -l interval -d 'Pause between the actions on two nodes, in milliseconds [default: action_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -l all -d 'All nodes that allow the action'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -l dry-run -d 'Show the actions, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from enable" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -l count -d 'Number of nodes, chosen by age' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -l state -d 'All nodes in these states, such as STOPPED, separated by commas' -r -f -a "RUNNING\t''
UNKNOWN\t''
STOPPED\t''
RESTARTING\t''
UPGRADING\t''
MIGRATING\t''
REMOVING\t''
DEAD\t''
DISABLED\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -l interval -d 'Pause between the actions on two nodes, in milliseconds [default: action_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -l all -d 'All nodes that allow the action'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -l dry-run -d 'Show the actions, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from disable" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restore" -l as -d 'Number of the restored node [default: the number that the node had]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restore" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restore" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restore" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restore" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restore" -l dry-run -d 'Show which nodes would be restored, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restore" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from survey" -l interval -d 'Pause between the probes of two nodes, in milliseconds [default: survey_delay]' -r
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from survey" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from survey" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from survey" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from survey" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from survey" -l dry-run -d 'Probe the nodes, and store nothing'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from survey" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from survey" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from survey" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand node; and __fish_seen_subcommand_from survey" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and not __fish_seen_subcommand_from list add drain" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand storage; and not __fish_seen_subcommand_from list add drain" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand storage; and not __fish_seen_subcommand_from list add drain" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand storage; and not __fish_seen_subcommand_from list add drain" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand storage; and not __fish_seen_subcommand_from list add drain" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and not __fish_seen_subcommand_from list add drain" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and not __fish_seen_subcommand_from list add drain" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and not __fish_seen_subcommand_from list add drain" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and not __fish_seen_subcommand_from list add drain" -f -a "list" -d 'List storage folders with their nodes and their space'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and not __fish_seen_subcommand_from list add drain" -f -a "add" -d 'Add storage folders for new nodes'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and not __fish_seen_subcommand_from list add drain" -f -a "drain" -d 'Move all nodes off a storage folder, and add no more to it'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from list" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from list" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from list" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from list" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from add" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from add" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from add" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from add" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from add" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from add" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from add" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from add" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from drain" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from drain" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from drain" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from drain" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from drain" -l dry-run -d 'Show which nodes would move, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from drain" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from drain" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from drain" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand storage; and __fish_seen_subcommand_from drain" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand hold" -l reason -d 'Reason, which status, explain, doctor and alerts show' -r
complete -c wnm -n "__fish_wnm_using_subcommand hold" -l until -d 'End of the hold: a time from now such as 2h, a date such as 2026-12-01, or a time such as 2026-12-01T06:00:00Z [default: until `wnm resume`]' -r
complete -c wnm -n "__fish_wnm_using_subcommand hold" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand hold" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand hold" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand hold" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand hold" -l drain -d 'Cancel removals in their delay too'
complete -c wnm -n "__fish_wnm_using_subcommand hold" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand hold" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand hold" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand hold" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand resume" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand resume" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand resume" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand resume" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand resume" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand resume" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand resume" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand resume" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and not __fish_seen_subcommand_from list restore" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand trash; and not __fish_seen_subcommand_from list restore" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand trash; and not __fish_seen_subcommand_from list restore" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand trash; and not __fish_seen_subcommand_from list restore" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand trash; and not __fish_seen_subcommand_from list restore" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and not __fish_seen_subcommand_from list restore" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and not __fish_seen_subcommand_from list restore" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and not __fish_seen_subcommand_from list restore" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and not __fish_seen_subcommand_from list restore" -f -a "list" -d 'List removed nodes that can be restored'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and not __fish_seen_subcommand_from list restore" -f -a "restore" -d 'Restore removed nodes with their identities, stopped'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from list" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from list" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from list" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from list" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from restore" -l as -d 'Number of the restored node [default: the number that the node had]' -r
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from restore" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from restore" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from restore" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from restore" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from restore" -l dry-run -d 'Show which nodes would be restored, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from restore" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand trash; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -f -a "run" -d 'Run tasks once now, and wait for their results'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -f -a "status" -d 'Show whether probes run, and their results of the last day'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -f -a "history" -d 'List past runs, newest first'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -f -a "tasks" -d 'List the effective tasks, and count their files'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and not __fish_seen_subcommand_from run status history tasks check" -f -a "check" -d 'Check task files and lists, without running them'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from run" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from run" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from run" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from run" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from run" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from run" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from run" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from run" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from status" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from status" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from status" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from status" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from status" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from status" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from status" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from status" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l since -d 'From this time on: a time ago such as 2h, a date such as 2026-11-01, or a time such as 2026-11-01T13:00:00Z' -r
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l until -d 'Until this time, in the same forms' -r
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l kind -d 'Only runs of this kind' -r -f -a "download\t''
quote\t''
upload\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l task -d 'Only runs of this task' -r
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l outcome -d 'Only runs with this outcome' -r -f -a "ok\t''
killed\t''
stopped\t''
client_error\t''
network_error\t''
data_loss\t''
unknown\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l limit -d 'Maximum number of runs, the latest ones' -r
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l lines -d 'Print the runs as lines of the line protocol of InfluxDB, oldest first, with a summary of each kind and size'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from history" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from tasks" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from tasks" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from tasks" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from tasks" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from tasks" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from tasks" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from tasks" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from tasks" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from check" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from check" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from check" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from check" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from check" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand probe; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -f -a "list" -d 'List all settings with their effective values'
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -f -a "get" -d 'Print the effective value of a setting'
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -f -a "describe" -d 'Describe settings: unit, default, allowed values, effect'
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -f -a "set" -d 'Store settings in the database, all or none'
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -f -a "unset" -d 'Delete settings from the database, so that defaults apply'
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -f -a "edit" -d 'Edit the settings of the database in an editor'
complete -c wnm -n "__fish_wnm_using_subcommand config; and not __fish_seen_subcommand_from list get describe set unset edit path" -f -a "path" -d 'Print the path of the config file, even if it does not exist'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from list" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from list" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from list" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from list" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from list" -l origin -d 'Show the source of each value'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from list" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from list" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from list" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from get" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from get" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from get" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from get" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from get" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from get" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from get" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from get" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from describe" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from describe" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from describe" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from describe" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from describe" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from describe" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from describe" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from describe" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from set" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from set" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from set" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from set" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from set" -s y -l yes -d 'Do not ask for confirmation; required without a terminal'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from set" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from set" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from set" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from set" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from unset" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from unset" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from unset" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from unset" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from unset" -s y -l yes -d 'Do not ask for confirmation; required without a terminal'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from unset" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from unset" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from unset" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from unset" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from edit" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from edit" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from edit" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from edit" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from edit" -s y -l yes -d 'Do not ask for confirmation; required without a terminal'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from edit" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from edit" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from edit" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from edit" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from path" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from path" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from path" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from path" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from path" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from path" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand config; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand doctor" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand doctor" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand doctor" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand doctor" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand doctor" -l fix -d 'Remove firewall rules that wnm made for nodes that no longer exist'
complete -c wnm -n "__fish_wnm_using_subcommand doctor" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand doctor" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand doctor" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand doctor" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand record" -l out -d 'File to write, which must not exist; compressed if its name ends in .gz' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand record" -l interval -d 'Time between two samples, such as 1s; at least 100ms' -r
complete -c wnm -n "__fish_wnm_using_subcommand record" -l for -d 'Duration of the recording, such as 10m or 1d [default: until interrupted]' -r
complete -c wnm -n "__fish_wnm_using_subcommand record" -l rotate -d 'Size, before compression, at which a new file begins; five full files are kept' -r
complete -c wnm -n "__fish_wnm_using_subcommand record" -l annotate -d 'Note at the beginning of the trace' -r
complete -c wnm -n "__fish_wnm_using_subcommand record" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand record" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand record" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand record" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand record" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand record" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand record" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand record" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -f -a "path" -d 'Print the path of the database'
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -f -a "check" -d 'Check the database for damage'
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -f -a "backup" -d 'Write a copy of the database, also while wnm runs'
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -f -a "restore" -d 'Replace the database by a backup, and rename the old one'
complete -c wnm -n "__fish_wnm_using_subcommand db; and not __fish_seen_subcommand_from path check backup restore migrate" -f -a "migrate" -d 'Migrate the database of an earlier version, after a backup'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from path" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from path" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from path" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from path" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from path" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from path" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from path" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from path" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from check" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from check" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from check" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from check" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from check" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from check" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from check" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from check" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from backup" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from backup" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from backup" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from backup" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from backup" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from backup" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from backup" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from backup" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from restore" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from restore" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from restore" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from restore" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from restore" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from restore" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from restore" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from restore" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from migrate" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from migrate" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from migrate" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from migrate" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from migrate" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from migrate" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from migrate" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand db; and __fish_seen_subcommand_from migrate" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand service; and not __fish_seen_subcommand_from install uninstall show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand service; and not __fish_seen_subcommand_from install uninstall show" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand service; and not __fish_seen_subcommand_from install uninstall show" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand service; and not __fish_seen_subcommand_from install uninstall show" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand service; and not __fish_seen_subcommand_from install uninstall show" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand service; and not __fish_seen_subcommand_from install uninstall show" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand service; and not __fish_seen_subcommand_from install uninstall show" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand service; and not __fish_seen_subcommand_from install uninstall show" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand service; and not __fish_seen_subcommand_from install uninstall show" -f -a "install" -d 'Install and start the service, now and at every boot'
complete -c wnm -n "__fish_wnm_using_subcommand service; and not __fish_seen_subcommand_from install uninstall show" -f -a "uninstall" -d 'Stop and remove the service; nodes keep running'
complete -c wnm -n "__fish_wnm_using_subcommand service; and not __fish_seen_subcommand_from install uninstall show" -f -a "show" -d 'Print the service file and its path'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from install" -l interval -d 'Time between two cycles of the service, such as 5s or 1m; at least 100ms' -r
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from install" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from install" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from install" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from install" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from install" -l cron -d 'Use cron, with one cycle a minute, instead of a service'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from install" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from install" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from install" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from install" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from uninstall" -l interval -d 'Time between two cycles of the service, such as 5s or 1m; at least 100ms' -r
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from uninstall" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from uninstall" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from uninstall" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from uninstall" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from uninstall" -l cron -d 'Use cron, with one cycle a minute, instead of a service'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from uninstall" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from uninstall" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from uninstall" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from uninstall" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from show" -l interval -d 'Time between two cycles of the service, such as 5s or 1m; at least 100ms' -r
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from show" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from show" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from show" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from show" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from show" -l cron -d 'Use cron, with one cycle a minute, instead of a service'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from show" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from show" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from show" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand service; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand util; and not __fish_seen_subcommand_from completions man" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand util; and not __fish_seen_subcommand_from completions man" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand util; and not __fish_seen_subcommand_from completions man" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand util; and not __fish_seen_subcommand_from completions man" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand util; and not __fish_seen_subcommand_from completions man" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand util; and not __fish_seen_subcommand_from completions man" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand util; and not __fish_seen_subcommand_from completions man" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand util; and not __fish_seen_subcommand_from completions man" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand util; and not __fish_seen_subcommand_from completions man" -f -a "completions" -d 'Print the completion script of a shell'
complete -c wnm -n "__fish_wnm_using_subcommand util; and not __fish_seen_subcommand_from completions man" -f -a "man" -d 'Print the man page, or write the pages of all commands'
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from completions" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from completions" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from completions" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from completions" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from completions" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from completions" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from completions" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from completions" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from man" -l out -d 'Folder for the pages of all commands, created if necessary' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from man" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from man" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from man" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from man" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from man" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from man" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from man" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand util; and __fish_seen_subcommand_from man" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand teardown" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand teardown" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand teardown" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand teardown" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand teardown" -s y -l yes -d 'Do not ask for confirmation; required without a terminal'
complete -c wnm -n "__fish_wnm_using_subcommand teardown" -l dry-run -d 'Show which nodes would be removed, and change nothing'
complete -c wnm -n "__fish_wnm_using_subcommand teardown" -l purge -d 'Remove the database with settings and history too'
complete -c wnm -n "__fish_wnm_using_subcommand teardown" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand teardown" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand teardown" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand teardown" -s h -l help -d 'Print help'
complete -c wnm -n "__fish_wnm_using_subcommand demo" -l color -d 'When to use colour' -r -f -a "auto\t''
always\t''
never\t''"
complete -c wnm -n "__fish_wnm_using_subcommand demo" -l log-format -d 'Format of log messages on standard error' -r -f -a "text\t''
json\t''"
complete -c wnm -n "__fish_wnm_using_subcommand demo" -l config -d 'Config file, TOML or key=value lines [default: the file that `wnm config path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand demo" -l db -d 'Database file [default: the file that `wnm db path` prints]' -r -F
complete -c wnm -n "__fish_wnm_using_subcommand demo" -l keep -d 'Keep the folder of the demo, and print its path'
complete -c wnm -n "__fish_wnm_using_subcommand demo" -l probe -d 'Show probes of a fake network instead of nodes'
complete -c wnm -n "__fish_wnm_using_subcommand demo" -l json -d 'Print JSON on standard output'
complete -c wnm -n "__fish_wnm_using_subcommand demo" -s q -l quiet -d 'Print only results and errors'
complete -c wnm -n "__fish_wnm_using_subcommand demo" -s v -l verbose -d 'Print the commands that wnm runs, with their times; -vv prints every detail'
complete -c wnm -n "__fish_wnm_using_subcommand demo" -s h -l help -d 'Print help'
