# bash completion for lmchat, made by `lmchat completion bash`. It works with bash 3.2 and later, by itself.
# Put this into ~/.bashrc:  eval "$(lmchat completion bash)"

# All that can be typed, one line each: PATH|KIND|NAME|VALUES|HELP.
IFS= read -r -d '' _lmchat_table <<'TABLE' || :
@TABLE@
TABLE

_lmchat() {
    local place= count=0 pending= wanted= literal= found= plain= typed= before= i
    local words said
    COMPREPLY=()
    _lmchat_words
    said=()
    for (( i = 1; i < ${#words[@]} - 1; i++ )); do
        _lmchat_plain "${words[i]}"
        said+=("$plain")
        if [[ $pending ]]; then
            pending=
        elif [[ $literal ]]; then
            count=$((count + 1))
        elif [[ $plain == -- ]]; then
            literal=yes
        elif [[ $plain == -?* ]]; then
            if _lmchat_find option "$plain"; then pending=yes wanted=$found; fi
        elif (( count == 0 )) && _lmchat_find command "$plain"; then
            place=${place:+$place }$plain
        else
            count=$((count + 1))
        fi
    done
    typed=${words[${#words[@]} - 1]}
    if [[ ! $pending && ! $literal && $typed == --*=* ]] && _lmchat_find option "${typed%%=*}"; then
        pending=yes wanted=$found typed=${typed#*=}
    fi
    _lmchat_plain "$typed"
    # Readline replaces only what follows the last = or :, or from the last @ on, unless a quote is open.
    if [[ $typed != [\'\"]* ]]; then
        before=${typed%"${typed##*[${COMP_WORDBREAKS//[!=:]/}]}"}
        if [[ $COMP_WORDBREAKS == *@* && ${typed#"$before"} == *@* ]]; then before=${typed%@*}; fi
    fi
    if [[ $pending ]]; then
        _lmchat_values "$wanted"
    elif [[ ! $literal && $typed == -* ]]; then
        _lmchat_named option flag
    else
        if [[ ! $literal ]] && (( count == 0 )); then _lmchat_named command; fi
        _lmchat_argument
    fi
}

# Set `words` to the words up to the cursor. Bash splits at signs such as = and : as well; what has no blank between
# belongs together.
_lmchat_words() {
    local rest=$COMP_LINE blank word i
    words=()
    for (( i = 0; i <= COMP_CWORD; i++ )); do
        word=${COMP_WORDS[i]}
        blank=${rest%%[![:space:]]*}
        rest=${rest#"$blank"}
        rest=${rest#"$word"}
        if (( i > 0 )) && [[ ! $blank ]]; then
            words[${#words[@]} - 1]+=$word
        else
            words+=("$word")
        fi
    done
}

# Set `plain` to a word without its quotes.
_lmchat_plain() {
    plain=$1
    case $plain in
        \'*) plain=${plain#\'} plain=${plain%\'} ;;
        \"*) plain=${plain#\"} plain=${plain%\"}; IFS= read plain <<<"$plain" ;;
        *) IFS= read plain <<<"$plain" ;;
    esac
}

# Set `found` to the VALUES of what is known at `place`, or anywhere: KIND NAME.
_lmchat_find() {
    local line
    while IFS= read -r line; do
        if [[ $line == "$place|$1|$2|"* || $line == "*|$1|$2|"* ]]; then
            found=${line#*"|$1|$2|"}
            found=${found%%|*}
            return 0
        fi
    done <<<"$_lmchat_table"
    return 1
}

# Offer the names of these kinds at `place`.
_lmchat_named() {
    local at kind name rest
    while IFS='|' read -r at kind name rest; do
        if [[ ( $at == "$place" || $at == '*' ) && " $* " == *" $kind "* ]]; then _lmchat_offer "$name"; fi
    done <<<"$_lmchat_table"
}

# Offer what the next argument at `place` may be.
_lmchat_argument() {
    local at kind name values help number=0
    while IFS='|' read -r at kind name values help; do
        if [[ $at == "$place" && ( $kind == arguments || ( $kind == argument && $number == "$count" ) ) ]]; then
            _lmchat_values "$values"
            return
        fi
        if [[ $at == "$place" && $kind == argument ]]; then number=$((number + 1)); fi
    done <<<"$_lmchat_table"
}

_lmchat_values() {
    local value about
    case $1 in
        words*) for value in ${1#words }; do _lmchat_offer "$value"; done ;;
        ask*)
            while IFS=$'\t' read -r value about; do
                _lmchat_offer "$value"
            done < <(command lmchat __complete "${1#ask }" ${said[@]+"${said[@]}"} 2>/dev/null </dev/null)
            ;;
        file) _lmchat_files ;;
        system) if [[ $plain == @* ]]; then _lmchat_files_at; else _lmchat_values 'ask roles'; fi ;;
    esac
}

# Offer a value that begins with what was typed, quoted the way that was.
_lmchat_offer() {
    local value=$1 sign
    [[ $value == "$plain"* ]] || return 0
    case $typed in
        \'*) value=${value//\'/\'\\\'\'} ;;
        \"*) for sign in \\ \" \$ \`; do value=${value//"$sign"/\\"$sign"}; done ;;
        *) printf -v value %q "$value" ;;
    esac
    # Readline closes the quote, unless the value seems to do so by itself.
    if [[ $typed == [\'\"]* && $value == *"${typed:0:1}" ]]; then value+=${typed:0:1}; fi
    COMPREPLY+=("${value#"$before"}")
}

# Let bash complete files its own way; before bash 4 only by their names.
_lmchat_files() {
    local value
    compopt -o default 2>/dev/null && return
    while IFS= read -r value; do COMPREPLY+=("$value"); done < <(compgen -f -- "$plain")
}

# Complete files after an @, which bash would take for a part of their names.
_lmchat_files_at() {
    local value
    while IFS= read -r value; do
        if [[ -d $value ]]; then
            value+=/
            compopt -o nospace 2>/dev/null
        fi
        _lmchat_offer "@$value"
    done < <(compgen -f -- "${plain#@}")
}

complete -o nosort -F _lmchat lmchat 2>/dev/null || complete -F _lmchat lmchat
