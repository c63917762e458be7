# shellcheck shell=bash
# shellcheck disable=SC2034 # the scenarios use them
# The names and texts of wnm that the machine tests depend on, in one place. Sourced by the scripts of .ci.

# Test programs, and tests that are named.
suite_test=conformance
cpu_limit_check=quota_holds_nodes_back
many_nodes_check=two_hundred_nodes
load_test=load::nodes_give_way
# Each process manager must pass as many checks: a check that is skipped would not be noticed otherwise.
suite_checks=30

# Settings, variables and files.
cpu_limit_setting=quota
burn_variable=WNM_STANDIN_BURN
service_backup=.wnm-service-before
cron_backup=/var/antctl/anm.cron.before-wnm
docker_label=wnm.uuid
unit_mark=X-Wnm-Uuid=
# A node program that plays another version ends in these bytes, and their length.
fake_version_script='{"program":"antnode","version":"0.4.18","behaviour":"normal"}'
fake_version_trailer=wnm-node

# Output for people.
text_reboot='the host was restarted'
text_sudo_password='without a password'
text_two_supervisors=/etc/systemd/system/wnm.service
text_cron_removed='/etc/cron.d/anm is taken away'
text_unknown_unit='antnode0004: what the unit antnode0004 runs cannot be told without systemd'
text_log_of_cycle='nodes up'
# doctor on the CPU limit: no node yet, not set, set to half a core, switched off, set by an administrator.
text_limit_without_nodes='cannot be set: no node is in the group to cap'
text_limit_unset='can be set, and is not'
text_limit_half='0.50 cores for all nodes'
text_limit_off='off by the setting quota'
text_limit_external='is capped by other hands'
# status on the CPU limit, in text and in JSON.
text_status_limit='CPU quota 0.5 of '
text_status_throttled=' % of the time'
json_status_limit='"quota":{"limit":0.5,"throttled":'
# The JSON of a cycle that changes nothing.
json_decided_nothing='"decided":[],'
json_did_nothing='"worked":[]'
