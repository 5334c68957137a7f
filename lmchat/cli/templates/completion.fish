# fish completion for lmchat, made by `lmchat completion fish`.
# Put this into ~/.config/fish/config.fish:  lmchat completion fish | source

# All that can be typed, one line each: PATH|KIND|NAME|VALUES|HELP.
set -g __lmchat_table (string split \n -- '
@TABLE@
')

function __lmchat_complete
    set -l said (commandline -opc)[2..-1]
    set -l typed (commandline -ct)
    set -l place ''
    set -l count 1
    set -l pending no
    set -l wanted ''
    set -l literal no
    for plain in $said
        if test $pending = yes
            set pending no
        else if test $literal = yes
            set count (math $count + 1)
        else if test "$plain" = --
            set literal yes
        else if string match -q -r -- '^-.' $plain
            if set wanted (__lmchat_find $place option $plain)
                set pending yes
            end
        else if test $count = 1; and __lmchat_find $place command $plain >/dev/null
            set place (string trim -- "$place $plain")
        else
            set count (math $count + 1)
        end
    end
    set -l before ''
    if test $pending = no -a $literal = no; and string match -q -r -- '^--[^=]+=' $typed
        if set wanted (__lmchat_find $place option (string replace -r '=.*' '' -- $typed))
            set pending yes
            set before (string replace -r '=.*' '=' -- $typed)
        end
    end
    if test $pending = yes
        __lmchat_values "$wanted" "$before" "$typed" $said
    else if test $literal = no; and string match -q -- '-*' $typed
        __lmchat_named $place option flag
    else
        if test $literal = no -a $count = 1
            __lmchat_named $place command
        end
        set -l arguments (string match -r -- '^'(string escape --style=regex -- $place)'\|arguments?\|.*' $__lmchat_table)
        set -l line $arguments[$count]
        if test -z "$line"; and string match -q -- '*|arguments|*' $arguments[-1]
            set line $arguments[-1]
        end
        if test -n "$line"
            __lmchat_values (string split '|' -- $line)[4] '' "$typed" $said
        end
    end
end

# Print the VALUES of what is known at PLACE, or anywhere: PLACE KIND NAME.
function __lmchat_find
    set -l here (string escape --style=regex -- "$argv[1]")
    set -l start (string escape --style=regex -- "|$argv[2]|$argv[3]|")
    set -l line (string match -r -- "^(?:$here|\*)$start.*" $__lmchat_table)
    or return 1
    set -l cells (string split '|' -- $line[1])
    printf '%s\n' "$cells[4]"
end

# Print the names of some kinds at PLACE with their help: PLACE KIND…
function __lmchat_named
    for kind in $argv[2..-1]
        set -l here (string escape --style=regex -- "$argv[1]")
        set -l start "(?:$here|\*)\|$kind\|"
        string replace -f -r -- "^$start([^|]*)\|[^|]*\|(.*)" '$1\t$2' $__lmchat_table
    end
end

# Print what VALUES mean, after BEFORE: VALUES BEFORE TYPED SAID…
function __lmchat_values
    set -l before $argv[2]
    set -l typed (string unescape -- (string sub -s (math (string length -- $before) + 1) -- $argv[3]))
    switch $argv[1]
        case 'words *'
            printf '%s\n' $before(string split ' ' -- (string replace 'words ' '' -- $argv[1]))
        case 'ask *'
            printf '%s\n' $before(command lmchat __complete (string replace 'ask ' '' -- $argv[1]) $argv[4..-1] 2>/dev/null </dev/null)
        case file
            printf '%s\n' $before(__fish_complete_path "$typed")
        case system
            if string match -q -- '@*' $typed
                printf '%s\n' $before@(__fish_complete_path (string sub -s 2 -- $typed))
            else
                __lmchat_values 'ask roles' $argv[2..-1]
            end
    end
end

complete -c lmchat -e
complete -c lmchat -k -f -a '(__lmchat_complete)'
