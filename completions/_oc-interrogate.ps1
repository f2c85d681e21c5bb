
Register-ArgumentCompleter -Native -CommandName oc-interrogate -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    $prev = $env:OC_INTERROGATE_COMPLETE;
    $env:OC_INTERROGATE_COMPLETE = "powershell";

    $args = $commandAst.Extent.Text
    $args = $args.Substring(0, [math]::Min($cursorPosition, $args.Length));
    if ($wordToComplete -eq "") {
        $args += " ''";
    }

    $results = Invoke-Expression @"
& oc-interrogate -- $args
"@;
    if ($null -eq $prev) {
        Remove-Item Env:\OC_INTERROGATE_COMPLETE;
    } else {
        $env:OC_INTERROGATE_COMPLETE = $prev;
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
        
