
Register-ArgumentCompleter -Native -CommandName wnm -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $prev = $env:WNM_COMPLETE;
    $env:WNM_COMPLETE = "powershell";

    $args = $commandAst.Extent.Text
    $args = $args.Substring(0, [math]::Min($cursorPosition, $args.Length));
    if ($wordToComplete -eq "") {
        $args += " ''";
    }

    $results = Invoke-Expression @"
& wnm -- $args
"@;
    if ($null -eq $prev) {
        Remove-Item Env:\WNM_COMPLETE;
    } else {
        $env:WNM_COMPLETE = $prev;
    }
    $results | ForEach-Object {
        $split = $_.Split("`t");
        $cmd = $split[0];

        if ($split.Length -eq 2) {
            $help = $split[1];
        }
        else {
            $help = $split[0];
        }

        [System.Management.Automation.CompletionResult]::new($cmd, $cmd, 'ParameterValue', $help)
    }
};
        
