# shellcheck shell=bash
# shellcheck disable=SC2034 # the scenarios use them
# The names and texts of wnm that the machine tests depend on, in one place. Sourced by the scripts of .ci.

# Test programs, and tests that are named.
suite_test=conformance
cpu_limit_check=cpu_limit_throttles_nodes
weight_check=weight_puts_nodes_behind
many_nodes_check=two_hundred_nodes
load_test=load::cpu_limit_throttles_nodes_and_is_lifted_again
# Each process manager must pass as many checks: a check that is skipped would not be noticed otherwise.
suite_checks=36

# Settings, variables and files.
cpu_limit_setting=cpu_limit
burn_variable=WNM_FAKE_NODE_BURN
service_backup=.wnm-service-before
cron_backup=/var/antctl/anm.cron.before-wnm
docker_label=wnm.uuid
unit_mark=X-Wnm-Uuid=
# A node program that plays another version ends in these bytes, and their length.
fake_version_script='{"program":"antnode","version":"0.4.18","behaviour":"normal"}'
fake_version_trailer=wnm-node

# Output for people.
text_reboot='the host was rebooted'
text_two_supervisors=/etc/systemd/system/wnm.service
text_cron_removed='/etc/cron.d/anm is removed'
text_log_of_cycle='nodes up'
# doctor on the CPU limit: no node yet, not set, set to half a core, switched off, set by an administrator.
text_limit_without_nodes='not available: no node is in the control group'
text_limit_unset='supported, not applied now'
text_limit_half='0.50 cores for all nodes together'
text_limit_off='off (the setting cpu_limit is false)'
text_limit_external='not available: another program limits the CPU of wnm-55000.slice'
# doctor on the weight: of an ordinary service, by a control group, by priority; and status.
text_weight_ordinary='nodes compete with other work as equals'
text_weight_group='10, by a control group around all nodes'
text_weight_priority='10, by a low scheduling priority of each process'
text_status_weight='CPU by control group'
# status on the CPU limit, in text and in JSON.
text_status_limit='0.5 of '
text_status_throttled=' % of the time'
json_status_limit='"cpu_limit":{"cores":0.5,"throttled_percent":'
# doctor on nodes that a reboot would not start, without and with --fix.
text_not_enabled='would not start after a reboot of the host'
text_enabled='to start after a reboot of the host'
# The JSON of a cycle that changes nothing.
json_decided_nothing='"decided":[],'
json_did_nothing='"work":[]'
# A node that crashes again and again, and the signal of its last end.
text_crash_loop='crash loop'
text_crash_signal='signal 6'
