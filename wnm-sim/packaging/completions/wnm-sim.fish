complete --keep-order --exclusive --command wnm-sim --arguments "(WNM_SIM_COMPLETE=fish wnm-sim -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
