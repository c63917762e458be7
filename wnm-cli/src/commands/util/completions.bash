# Completions of PROGRAM for bash, which asks PROGRAM for the candidates.

_FUNCTION() {
    # bash splits words at = and :, and completes the last part of such a word. The program gets whole words.
    local words=() part rest="$COMP_LINE" i
    for (( i = 0; i <= COMP_CWORD; i++ )); do
        part="${COMP_WORDS[i]}"
        if (( i == COMP_CWORD )) && ! [[ -z "$2" && "$part" =~ ^[=:]+$ ]]; then
            part="$2"
        fi
        if (( i > 0 )) && [[ -n "$rest" && "$rest" != [[:space:]]* ]]; then
            words[${#words[@]}-1]+="$part"
        else
            words+=("$part")
        fi
        rest="${rest#"${rest%%[![:space:]]*}"}"
        if [[ "$rest" == "${COMP_WORDS[i]}"* ]]; then
            rest="${rest#"${COMP_WORDS[i]}"}"
        else
            rest=""
        fi
    done
    local last=$(( ${#words[@]} - 1 ))

    local IFS=$'\013'
    COMPREPLY=($(
        _CLAP_IFS="$IFS" _CLAP_COMPLETE_INDEX="$last" _CLAP_COMPLETE_COMP_TYPE="$COMP_TYPE" \
            VARIABLE=bash PROGRAM -- "${words[@]}"
    ))
    if [[ $? != 0 ]]; then
        unset COMPREPLY
        return
    fi
    # bash inserts the part after the last separator only.
    if [[ "${words[last]}" == ?*"$2" ]]; then
        COMPREPLY=("${COMPREPLY[@]#"${words[last]%"$2"}"}")
    fi
    # Only a whole word is followed by a space. bash before 4.0 has no compopt, and adds none.
    if [[ "${COMPREPLY-}" != *[=/:] ]]; then
        compopt +o nospace 2> /dev/null
    fi
}

if (( BASH_VERSINFO[0] > 4 || BASH_VERSINFO[0] == 4 && BASH_VERSINFO[1] >= 4 )); then
    complete -o nospace -o bashdefault -o nosort -F _FUNCTION PROGRAM
else
    complete -o nospace -o bashdefault -F _FUNCTION PROGRAM
fi
