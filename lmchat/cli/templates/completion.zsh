#compdef lmchat
# zsh completion for lmchat, made by `lmchat completion zsh`.
# Put this into ~/.zshrc:  eval "$(lmchat completion zsh)"
# or this file, named _lmchat, into a directory of $fpath.

# All that can be typed, one line each: PATH|KIND|NAME|VALUES|HELP.
typeset -g _lmchat_table
typeset -ga _lmchat_lines
IFS= read -r -d '' _lmchat_table <<'TABLE' || :
@TABLE@
TABLE
_lmchat_lines=("${(@f)_lmchat_table}")

_lmchat() {
    local place= pending= wanted= literal= found= plain=
    local -i count=0 i
    local -a said offers
    for (( i = 2; i < CURRENT; i++ )); do
        plain=${(Q)words[i]}
        said+=("$plain")
        if [[ -n $pending ]]; then
            pending=
        elif [[ -n $literal ]]; then
            (( ++count ))
        elif [[ $plain == -- ]]; then
            literal=yes
        elif [[ $plain == -?* ]]; then
            if _lmchat_find option "$plain"; then pending=yes wanted=$found; fi
        elif (( count == 0 )) && _lmchat_find command "$plain"; then
            place=${place:+$place }$plain
        else
            (( ++count ))
        fi
    done
    if [[ -z $pending && -z $literal && $PREFIX == --*=* ]] && _lmchat_find option "${PREFIX%%=*}"; then
        compset -P 1 '*='
        pending=yes wanted=$found
    fi
    if [[ -n $pending ]]; then
        _lmchat_values "$wanted"
    elif [[ -z $literal && $PREFIX == -* ]]; then
        _lmchat_named option flag
    else
        if [[ -z $literal ]] && (( count == 0 )); then _lmchat_named command; fi
        _lmchat_argument
    fi
}

# Set `found` to the VALUES of what is known at `place`, or anywhere: KIND NAME.
_lmchat_find() {
    local at line key
    for at in "$place" '*'; do
        key="$at|$1|$2|"
        line=${_lmchat_lines[(r)${(b)key}*]}
        if [[ -n $line ]]; then
            found=${${line#"$key"}%%'|'*}
            return 0
        fi
    done
    return 1
}

# Offer the names of these kinds at `place`.
_lmchat_named() {
    local line
    local -a cells
    offers=()
    for line in "${_lmchat_lines[@]}"; do
        cells=("${(@s:|:)line}")
        if [[ ( $cells[1] == "$place" || $cells[1] == '*' ) && " $* " == *" $cells[2] "* ]]; then _lmchat_add "$cells[3]" "$cells[5]"; fi
    done
    _lmchat_describe "$1"
}

# Offer what the next argument at `place` may be.
_lmchat_argument() {
    local line
    local -a cells
    local -i number=0
    for line in "${_lmchat_lines[@]}"; do
        cells=("${(@s:|:)line}")
        [[ $cells[1] == "$place" && $cells[2] == argument* ]] || continue
        if [[ $cells[2] == arguments ]] || (( number == count )); then
            _lmchat_values "$cells[4]"
            return
        fi
        (( ++number ))
    done
}

_lmchat_values() {
    local line
    offers=()
    case $1 in
        words*) for line in ${=1#words }; do _lmchat_add "$line"; done; _lmchat_describe value ;;
        ask*)
            for line in "${(@f)$(command lmchat __complete "${1#ask }" "${said[@]}" 2>/dev/null </dev/null)}"; do
                if [[ -n $line ]]; then _lmchat_add "${line%%$'\t'*}" "${line#*$'\t'}"; fi
            done
            _lmchat_describe "${1#ask }"
            ;;
        file) _files ;;
        system) if compset -P '@'; then _files; else _lmchat_values 'ask roles'; fi ;;
    esac
}

# A colon parts value and help, and a backslash takes its meaning away.
_lmchat_add() {
    offers+=("${${1//\\/\\\\}//:/\\:}${2:+:${2//\\/\\\\}}")
}

_lmchat_describe() {
    (( $#offers )) && _describe -V -t "$1" "$1" offers
}

if [[ $funcstack[1] == _lmchat ]]; then
    _lmchat "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i; }
    compdef _lmchat lmchat
fi
