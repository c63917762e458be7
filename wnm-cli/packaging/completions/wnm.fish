complete --keep-order --exclusive --command wnm --arguments "(WNM_COMPLETE=fish wnm -- (commandline --current-process --tokenize --cut-at-cursor) (commandline --current-token))"
