# PowerShell completion for lmchat, made by `lmchat completion powershell`.
# Put this into $PROFILE:  lmchat completion powershell | Out-String | Invoke-Expression

Register-ArgumentCompleter -Native -CommandName lmchat -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)

    # All that can be typed, one line each: PATH|KIND|NAME|VALUES|HELP.
    $table = @'
|option|--session|ask sessions|The same, such as -s holidays.
|option|-s|ask sessions|The same, such as -s holidays.
|flag|--pick||Pick the session, or a turn of it, from a list; NAME narrows it down.
|flag|--continue||Go on with the session used last.
|flag|-c||Go on with the session used last.
|option|--at|ask turns|Continue from that turn, such as 3 (starts a branch).
|option|--model|ask models|The model, or a part of its key: -m gemma-3-1b.
|option|-m|ask models|The model, or a part of its key: -m gemma-3-1b.
|option|--system|system|The system prompt, a file or a role of yours: -S @role.txt, -S :terse.
|option|-S|system|The system prompt, a file or a role of yours: -S @role.txt, -S :terse.
|option|--image|file|Send a picture along; repeatable: -i a.png; -: a pipe.
|option|-i|file|Send a picture along; repeatable: -i a.png; -: a pipe.
|option|--file|file|Quote a text file; repeatable: -f notes.md.
|option|-f|file|Quote a text file; repeatable: -f notes.md.
|option|--mcp||Tools: mcp/label[:tool,tool] or label=https://url[:tool,tool]; repeatable.
|flag|--private||Keep nothing, here or on the server.
|flag|--stats||Tokens, speed and context used, on stderr.
|flag|--no-stats||Tokens, speed and context used, on stderr.
|flag|--show-reasoning||What the model thinks: all, or nothing.
|flag|--hide-reasoning||What the model thinks: all, or nothing.
|flag|--plain||The reply's own text, or rendered.
|flag|--markdown||The reply's own text, or rendered.
|flag|--no-stream||One JSON answer instead of a stream.
|flag|--no-stdin||Leave standard input alone, as in a loop.
|option|--encoding|ask sessions|Read files and pipes as that, such as shift_jis.
|option|--temperature||How freely words are chosen (0: least), such as 0.7.
|option|--top-p||Sample from the likeliest words up to this total probability, such as 0.95.
|option|--top-k||Sample from this many of the likeliest words, such as 40.
|option|--min-p||Leave out words less likely than this share of the likeliest, such as 0.05.
|option|--repeat-penalty||Penalize repetition (1 turns it off), such as 1.1.
|option|--presence-penalty||Penalize words that were used (0 turns it off), such as 0.5.
|option|--max-output-tokens||The longest reply in tokens, such as 2000.
|option|--context-length||The context to load a model with in tokens, such as 16384.
|option|--reasoning|ask levels|How much to think, in the model's own levels, such as low.
|command|ask||Ask once and print the answer.
|command|talk||Talk in a session; without a name a new one begins.
|command|prompts||List your prompts and roles.
|command|serve||Serve LM Studio's API to programs on this machine.
|command|servers||Show which servers answer, and which one lmchat talks to.
|command|help||Show help for a command.
|command|completion||Print a script that completes commands with Tab.
|command|sessions||List, show, search and manage saved sessions.
|command|models||List, load, unload and download the server's models.
|command|settings||Show every setting, its value and its source.
|command|local||Show whether the built-in model is in memory, and since when.
ask|arguments|PROMPT…||What to ask; - reads standard input.
ask|option|--session|ask sessions|Add to that session, such as -s holidays.
ask|option|-s|ask sessions|Add to that session, such as -s holidays.
ask|option|--prompt|ask prompts|Ask a prompt of yours; words and pipes go into it: -p commit.
ask|option|-p|ask prompts|Ask a prompt of yours; words and pipes go into it: -p commit.
ask|flag|--continue||Go on with the session used last.
ask|flag|-c||Go on with the session used last.
ask|option|--at|ask turns|Continue from that turn, such as 3 (starts a branch).
ask|option|--model|ask models|The model, or a part of its key: -m gemma-3-1b.
ask|option|-m|ask models|The model, or a part of its key: -m gemma-3-1b.
ask|option|--system|system|The system prompt, a file or a role of yours: -S @role.txt, -S :terse.
ask|option|-S|system|The system prompt, a file or a role of yours: -S @role.txt, -S :terse.
ask|option|--image|file|Send a picture along; repeatable: -i a.png; -: a pipe.
ask|option|-i|file|Send a picture along; repeatable: -i a.png; -: a pipe.
ask|option|--file|file|Quote a text file; repeatable: -f notes.md.
ask|option|-f|file|Quote a text file; repeatable: -f notes.md.
ask|option|--mcp||Tools: mcp/label[:tool,tool] or label=https://url[:tool,tool]; repeatable.
ask|flag|--private||Keep nothing, here or on the server.
ask|flag|--stats||Tokens, speed and context used, on stderr.
ask|flag|--no-stats||Tokens, speed and context used, on stderr.
ask|flag|--show-reasoning||What the model thinks: all, or nothing.
ask|flag|--hide-reasoning||What the model thinks: all, or nothing.
ask|flag|--plain||The reply's own text, or rendered.
ask|flag|--markdown||The reply's own text, or rendered.
ask|flag|--no-stream||One JSON answer instead of a stream.
ask|flag|--no-stdin||Leave standard input alone, as in a loop.
ask|option|--encoding|ask sessions|Read files and pipes as that, such as shift_jis.
ask|option|--temperature||How freely words are chosen (0: least), such as 0.7.
ask|option|--top-p||Sample from the likeliest words up to this total probability, such as 0.95.
ask|option|--top-k||Sample from this many of the likeliest words, such as 40.
ask|option|--min-p||Leave out words less likely than this share of the likeliest, such as 0.05.
ask|option|--repeat-penalty||Penalize repetition (1 turns it off), such as 1.1.
ask|option|--presence-penalty||Penalize words that were used (0 turns it off), such as 0.5.
ask|option|--max-output-tokens||The longest reply in tokens, such as 2000.
ask|option|--context-length||The context to load a model with in tokens, such as 16384.
ask|option|--reasoning|ask levels|How much to think, in the model's own levels, such as low.
ask|flag|--json||One JSON document on stdout, for scripts.
ask|flag|--jsonl||The server's events, one JSON object a line.
ask|flag|--quiet||Say nothing on stderr but errors.
ask|flag|-q||Say nothing on stderr but errors.
ask|option|--output|file|Write the answer there: -o answer.md.
ask|option|-o|file|Write the answer there: -o answer.md.
ask|flag|--force||Replace a file that is there, without a question.
ask|option|--schema||The answer is JSON that fits this schema: city.json.
talk|argument|NAME|ask sessions|The session; created if it is new.
talk|option|--session|ask sessions|The same, such as -s holidays.
talk|option|-s|ask sessions|The same, such as -s holidays.
talk|flag|--pick||Pick the session, or a turn of it, from a list; NAME narrows it down.
talk|flag|--continue||Go on with the session used last.
talk|flag|-c||Go on with the session used last.
talk|option|--at|ask turns|Continue from that turn, such as 3 (starts a branch).
talk|option|--model|ask models|The model, or a part of its key: -m gemma-3-1b.
talk|option|-m|ask models|The model, or a part of its key: -m gemma-3-1b.
talk|option|--system|system|The system prompt, a file or a role of yours: -S @role.txt, -S :terse.
talk|option|-S|system|The system prompt, a file or a role of yours: -S @role.txt, -S :terse.
talk|option|--image|file|Send a picture along; repeatable: -i a.png; -: a pipe.
talk|option|-i|file|Send a picture along; repeatable: -i a.png; -: a pipe.
talk|option|--file|file|Quote a text file; repeatable: -f notes.md.
talk|option|-f|file|Quote a text file; repeatable: -f notes.md.
talk|option|--mcp||Tools: mcp/label[:tool,tool] or label=https://url[:tool,tool]; repeatable.
talk|flag|--private||Keep nothing, here or on the server.
talk|flag|--stats||Tokens, speed and context used, on stderr.
talk|flag|--no-stats||Tokens, speed and context used, on stderr.
talk|flag|--show-reasoning||What the model thinks: all, or nothing.
talk|flag|--hide-reasoning||What the model thinks: all, or nothing.
talk|flag|--plain||The reply's own text, or rendered.
talk|flag|--markdown||The reply's own text, or rendered.
talk|flag|--no-stream||One JSON answer instead of a stream.
talk|flag|--no-stdin||Leave standard input alone, as in a loop.
talk|option|--encoding|ask sessions|Read files and pipes as that, such as shift_jis.
talk|option|--temperature||How freely words are chosen (0: least), such as 0.7.
talk|option|--top-p||Sample from the likeliest words up to this total probability, such as 0.95.
talk|option|--top-k||Sample from this many of the likeliest words, such as 40.
talk|option|--min-p||Leave out words less likely than this share of the likeliest, such as 0.05.
talk|option|--repeat-penalty||Penalize repetition (1 turns it off), such as 1.1.
talk|option|--presence-penalty||Penalize words that were used (0 turns it off), such as 0.5.
talk|option|--max-output-tokens||The longest reply in tokens, such as 2000.
talk|option|--context-length||The context to load a model with in tokens, such as 16384.
talk|option|--reasoning|ask levels|How much to think, in the model's own levels, such as low.
prompts|flag|--json||One JSON document on stdout, for scripts.
serve|option|--port||Listen there; 0: any.
serve|option|--token||Require this token from clients; also LMCHAT_SERVE_TOKEN.
serve|option|--upstream|words local|Answer with the models of that server, and keep the conversations here.
serve|option|--upstream-token-env|ask sessions|The environment variable with that server's token.
servers|flag|--json||One JSON document on stdout, for scripts.
completion|argument|bash/zsh/fish/powershell|words bash zsh fish powershell|The shell; its script goes to stdout.
sessions|flag|--json||One JSON document on stdout, for scripts.
sessions|command|list||List the sessions by their last use.
sessions|command|show||Show what was said, from the first turn to the last.
sessions|command|compare||Compare two replies.
sessions|command|tree||Draw the turns with their branches.
sessions|command|search||Find turns by their words, newest first.
sessions|command|rename||Give a session another name.
sessions|command|fork||Begin a session that shares what was said.
sessions|command|delete||Move sessions to the trash, for 30 days.
sessions|command|restore||Bring a session back from the trash.
sessions|command|export||Write a session as Markdown, as a web page, or complete as JSON.
sessions|command|import||Bring in exported sessions.
sessions|command|check||Look for damage in the saved sessions.
sessions|command|backup||Copy all sessions to one file.
sessions list|option|--limit||How many, such as 20; 0: all. Else what fits, or 100.
sessions list|flag|--json||One JSON document on stdout, for scripts.
sessions show|argument|NAME|ask sessions|The session, as `lmchat sessions` shows it.
sessions show|option|--at|ask turns|Continue from that turn, such as 3 (starts a branch).
sessions show|flag|--show-reasoning||What the model thought: all, or nothing.
sessions show|flag|--hide-reasoning||What the model thought: all, or nothing.
sessions show|flag|--raw||Only the last reply's own text, as it came.
sessions show|flag|--json||One JSON document on stdout, for scripts.
sessions compare|argument|NAME|ask sessions|The session, as `lmchat sessions` shows it.
sessions compare|argument|TURN|ask turns|A turn, as the tree shows it.
sessions compare|argument|TURN|ask turns|The turn to compare it with.
sessions tree|argument|NAME|ask sessions|The session, as `lmchat sessions` shows it.
sessions tree|flag|--json||One JSON document on stdout, for scripts.
sessions search|arguments|TEXT||Words that must all occur, in any language.
sessions search|option|--session|ask sessions|Look there only.
sessions search|option|-s|ask sessions|Look there only.
sessions search|flag|--json||One JSON document on stdout, for scripts.
sessions rename|argument|OLD|ask sessions|The session.
sessions rename|argument|NEW||Its new name.
sessions fork|argument|NAME|ask sessions|The session, as `lmchat sessions` shows it.
sessions fork|argument|NEW||The name of the new session.
sessions fork|option|--at|ask turns|Continue from that turn, such as 3 (starts a branch).
sessions delete|arguments|NAME…|ask sessions|The sessions; a pattern such as 'chat-*' means several.
sessions delete|option|--older-than||Only those not used for that long, such as 90d.
sessions delete|flag|--purge||For good, not into the trash; without NAME, empty the trash.
sessions delete|flag|--yes||Do not ask.
sessions delete|flag|-y||Do not ask.
sessions restore|argument|DELETED||The session by the name it had; none lists the trash.
sessions export|argument|NAME|ask sessions|The session, as `lmchat sessions` shows it.
sessions export|option|--output|file|Write there: .md, .html or .json (complete).
sessions export|option|-o|file|Write there: .md, .html or .json (complete).
sessions export|flag|--force||Replace a file that is there, without a question.
sessions export|flag|--json||One JSON document on stdout, for scripts.
sessions import|arguments|FILE…|file|Files, archives or directories; - reads standard input.
sessions import|option|--name||Call the session that.
sessions check|flag|--repair||Repair what can be repaired without losing a word, after copying the file.
sessions backup|argument|FILE|file|Where the copy goes.
sessions backup|flag|--force||Replace a file that is there, without a question.
models|flag|--json||One JSON document on stdout, for scripts.
models|flag|--wide||Show every column also on a terminal.
models|command|list||List the downloaded models, loaded ones first.
models|command|load||Load a model.
models|command|unload||Unload a model, or one of its instances.
models|command|download||Download a model.
models list|flag|--json||One JSON document on stdout, for scripts.
models list|flag|--wide||Show every column also on a terminal.
models load|argument|KEY|ask loadable|The model's key, as `lmchat models` shows it.
models load|option|--context-length||The context to load a model with in tokens, such as 16384.
models load|option|--eval-batch-size||Tokens evaluated at once, such as 512.
models load|flag|--flash-attention||Use flash attention.
models load|flag|--no-flash-attention||Use flash attention.
models load|option|--num-experts||Experts used at once, such as 8.
models load|flag|--offload-kv-cache-to-gpu||Keep the context on the GPU.
models load|flag|--no-offload-kv-cache-to-gpu||Keep the context on the GPU.
models load|option|--parallel||Requests answered at once, such as 4.
models unload|argument|KEY/INSTANCE|ask loaded|What to unload.
models unload|flag|--all||Unload everything.
models download|argument|NAME/URL||A catalogue name or a Hugging Face URL.
models download|option|--quantization||Of a URL, such as Q4_K_M.
models download|flag|--wait||Watch it to its end, or come back at once.
models download|flag|--no-wait||Watch it to its end, or come back at once.
settings|flag|--json||One JSON document on stdout, for scripts.
settings|command|path||Print where the settings file is.
settings|command|edit||Open the settings file in your editor.
settings|command|set||Set one value; comments and order stay.
settings|command|unset||Remove one value, or a whole profile.
settings set|argument|SETTING|ask settings|The setting, such as model or profile.work.url.
settings set|argument|VALUE|ask values|Its new value, such as google/gemma-3-1b.
settings unset|argument|SETTING|ask settings|The setting, or a profile such as profile.work.
local|flag|--json||One JSON document on stdout, for scripts.
local|command|stop||End the built-in model's server now.
help|command|ask||Ask once and print the answer.
help|command|talk||Talk in a session; without a name a new one begins.
help|command|prompts||List your prompts and roles.
help|command|serve||Serve LM Studio's API to programs on this machine.
help|command|servers||Show which servers answer, and which one lmchat talks to.
help|command|completion||Print a script that completes commands with Tab.
help|command|sessions||List, show, search and manage saved sessions.
help sessions|command|list||List the sessions by their last use.
help sessions|command|show||Show what was said, from the first turn to the last.
help sessions|command|compare||Compare two replies.
help sessions|command|tree||Draw the turns with their branches.
help sessions|command|search||Find turns by their words, newest first.
help sessions|command|rename||Give a session another name.
help sessions|command|fork||Begin a session that shares what was said.
help sessions|command|delete||Move sessions to the trash, for 30 days.
help sessions|command|restore||Bring a session back from the trash.
help sessions|command|export||Write a session as Markdown, as a web page, or complete as JSON.
help sessions|command|import||Bring in exported sessions.
help sessions|command|check||Look for damage in the saved sessions.
help sessions|command|backup||Copy all sessions to one file.
help|command|models||List, load, unload and download the server's models.
help models|command|list||List the downloaded models, loaded ones first.
help models|command|load||Load a model.
help models|command|unload||Unload a model, or one of its instances.
help models|command|download||Download a model.
help|command|settings||Show every setting, its value and its source.
help settings|command|path||Print where the settings file is.
help settings|command|edit||Open the settings file in your editor.
help settings|command|set||Set one value; comments and order stay.
help settings|command|unset||Remove one value, or a whole profile.
help|command|local||Show whether the built-in model is in memory, and since when.
help local|command|stop||End the built-in model's server now.
*|option|--url|words local|The server, such as http://10.0.0.2:1234, or local.
*|option|--api|words auto lmstudio responses completions|The server's API; auto detects it.
*|option|--profile|ask profiles|Use this profile of the settings, such as work.
*|option|--color|words auto always never|When to use colours.
*|flag|--debug||Requests and timings on stderr; no secrets.
*|flag|--version||Show the version.
*|flag|--help||Show this help.
'@ -split '\r?\n' | Where-Object { $_ } | ForEach-Object {
        $cells = $_.Split('|')
        [pscustomobject]@{ Place = $cells[0]; Kind = $cells[1]; Name = $cells[2]; Values = $cells[3]; Help = $cells[4] }
    }

    $said = @($commandAst.CommandElements | Select-Object -Skip 1 |
        Where-Object { $_.Extent.EndOffset -lt $cursorPosition } |
        ForEach-Object { if ($_ -is [System.Management.Automation.Language.StringConstantExpressionAst]) { $_.Value } else { $_.Extent.Text } })
    $typed = $wordToComplete.Trim("'", '"')
    $place = ''
    $count = 0
    $pending = $null
    $literal = $false
    foreach ($word in $said) {
        if ($pending) { $pending = $null; continue }
        if ($literal) { $count++; continue }
        if ($word -ceq '--') { $literal = $true; continue }
        $here = $table | Where-Object { $_.Place -cin $place, '*' -and $_.Name -ceq $word }
        if ($word -like '-?*') { $pending = $here | Where-Object { $_.Kind -ceq 'option' } | Select-Object -First 1; continue }
        if ($count -eq 0 -and ($here | Where-Object { $_.Kind -ceq 'command' })) { $place = "$place $word".Trim() } else { $count++ }
    }

    $before = ''
    if (-not $pending -and -not $literal -and $typed -match '^(--[^=]+)=(.*)$') {
        $name = $Matches[1]
        $before = "$name="
        $typed = $Matches[2]
        $pending = $table | Where-Object { $_.Place -cin $place, '*' -and $_.Kind -ceq 'option' -and $_.Name -ceq $name } | Select-Object -First 1
    }

    $here = $table | Where-Object { $_.Place -cin $place, '*' }
    $offers = @()
    $values = ''
    if ($pending) {
        $values = $pending.Values
    } elseif (-not $literal -and $typed -like '-*') {
        $offers = $here | Where-Object { $_.Kind -ceq 'option' -or $_.Kind -ceq 'flag' }
    } else {
        if (-not $literal -and $count -eq 0) { $offers = $here | Where-Object { $_.Kind -ceq 'command' } }
        $arguments = @($here | Where-Object { $_.Kind -clike 'argument*' })
        if ($count -lt $arguments.Count) { $values = $arguments[$count].Values }
        elseif ($arguments.Count -and $arguments[-1].Kind -ceq 'arguments') { $values = $arguments[-1].Values }
    }
    if ($values -ceq 'system' -and $typed -notlike '@*') { $values = 'ask roles' }
    if ($values -clike 'words *') {
        $offers = $values.Substring(6).Split(' ') | ForEach-Object { [pscustomobject]@{ Name = $_; Help = $_ } }
    } elseif ($values -clike 'ask *') {
        $encoding = [Console]::OutputEncoding
        try {
            [Console]::OutputEncoding = [System.Text.UTF8Encoding]::new($false)
            $program = Get-Command lmchat -CommandType Application | Select-Object -First 1
            $offers = & $program __complete $values.Substring(4) @said 2>$null | ForEach-Object {
                $cells = $_.Split("`t")
                [pscustomobject]@{ Name = $cells[0]; Help = $cells[1] }
            }
        } finally {
            [Console]::OutputEncoding = $encoding
        }
    }

    # Where nothing is offered, as for files, PowerShell completes files by itself.
    $offers | Where-Object { $_ -and $_.Name.StartsWith($typed, [System.StringComparison]::Ordinal) } | ForEach-Object {
        $text = $before + $_.Name
        if ($text -match '[^\w./:=+-]') {
            $text = "'" + [System.Management.Automation.Language.CodeGeneration]::EscapeSingleQuotedStringContent($text) + "'"
        }
        $help = if ($_.Help) { $_.Help } else { $_.Name }
        [System.Management.Automation.CompletionResult]::new($text, $_.Name, 'ParameterValue', $help)
    }
}
