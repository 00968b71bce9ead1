"""Completion for bash, zsh and fish, made from the grammar of a program.

All three go the same way: they find the command that the words so far name (options with values take a word with
them), then offer its commands, options or values. Only what the grammar knows is offered; nothing asks a server.
"""

from collections.abc import Callable, Iterable, Iterator

from grammar import Argument, Command


def function_name(program: Command) -> str:
    """The name of the shell function that completes a program."""
    return "_" + program.path.replace("-", "_")


def _quoted(text: str) -> str:
    """For bash and zsh, within single quotes."""
    return "'" + text.replace("'", "'\\''") + "'"


def _with_values(program: Command) -> dict[str, Argument]:
    """Each option that takes a value, by its names; what one name means is the same in all commands."""
    found: dict[str, Argument] = {}
    for command in program.walk():
        found.update({name: option for option in command.options if option.value for name in option.names})
    return found


def _alternatives(words: Iterable[str]) -> str:
    return "|".join(sorted(words))


def _paths(program: Command) -> str:
    return "|".join(f'"{command.path}"' for command in program.walk() if command is not program)


def _find_command(program: Command, words: str) -> str:
    """Bash and zsh: sets `command` to the path that the words before the cursor name."""
    return f"""\
    local command={program.path} word skip=
    for word in {words}; do
        if [[ -n $skip ]]; then skip=; continue; fi
        case $word in
            {_alternatives(_with_values(program))}) skip=1 ;;
            -*) ;;
            *) case "$command $word" in
                {_paths(program)}) command="$command $word" ;;
            esac ;;
        esac
    done
"""


def _values(command: Command) -> list[str]:
    """The words that may stand in the place of a positional argument of a command."""
    return [choice for positional in command.positionals for choice in positional.choices]


def _path_of(command: Command) -> str:
    return next((positional.path for positional in command.positionals if positional.path), "")


def bash(program: Command) -> str:
    """For /usr/share/bash-completion/completions."""
    files = {"file": 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$current"))'}
    files["folder"] = files["file"].replace("-f --", "-d --")
    lines = [
        "# Written by packaging/linux/commands.py from the program's grammar.",
        f"{function_name(program)}() {{",
        "    local current=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]}",
        "    COMPREPLY=()",
        _find_command(program, '"${COMP_WORDS[@]:1:COMP_CWORD-1}"').rstrip("\n"),
        "    case $before in",
    ]
    for names, action in _by_action(program, _bash_words, files):
        lines.append(f"        {names}) {action}; return ;;")
    lines += ["    esac", '    case "$command" in']
    for command in program.walk():
        options = " ".join(name for option in command.options for name in option.names)
        words = " ".join([below.word for below in command.commands] + _values(command))
        path = _path_of(command)
        lines += [
            f'        "{command.path}")',
            f"            if [[ $current == -* ]]; then {_bash_words(options.split())}",
            f"            else {files[path] if path else _bash_words(words.split())}; fi ;;",
        ]
    lines += ["    esac", "}", f"complete -F {function_name(program)} {program.path}"]
    return "\n".join(lines) + "\n"


def _bash_words(words: Iterable[str]) -> str:
    return f'COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$current"))'


def _by_action(
    program: Command, offer: Callable[[Iterable[str]], str], files: dict[str, str]
) -> Iterator[tuple[str, str]]:
    """Names of options with the action that completes their values."""
    actions: dict[str, list[str]] = {}
    for name, option in _with_values(program).items():
        action = files[option.path] if option.path else offer(option.choices) if option.choices else ":"
        actions.setdefault(action, []).append(name)
    for action, names in actions.items():
        yield _alternatives(names), action


def zsh(program: Command) -> str:
    """For /usr/share/zsh/vendor-completions, as `_NAME`."""
    files = {"file": "_files", "folder": "_files -/"}
    name = function_name(program)
    lines = [
        f"#compdef {program.path}",
        "# Written by packaging/linux/commands.py from the program's grammar.",
        f"{name}() {{",
        "    local -a found",
        _find_command(program, '"${(@)words[2,CURRENT-1]}"').rstrip("\n"),
        "    case $words[CURRENT-1] in",
    ]
    for names, action in _by_action(program, lambda words: f"found=({' '.join(words)}); _describe value found", files):
        lines.append(f"        {names}) {action}; return ;;")
    lines += ["    esac", '    case "$command" in']
    for command in program.walk():
        options = [_zsh_item(name, option.help) for option in command.options for name in option.names]
        words = [_zsh_item(below.word, below.description) for below in command.commands] + _values(command)
        path = _path_of(command)
        values = files[path] if path else f"found=({' '.join(words)}); _describe word found"
        lines += [
            f'        "{command.path}")',
            f"            if [[ $words[CURRENT] == -* ]]; then found=({' '.join(options)}); _describe -o option found",
            f"            else {values}; fi ;;",
        ]
    # Autoloaded by its name at the first use, or sourced.
    load = f'if [[ $funcstack[1] == {name} ]]; then {name} "$@"; else compdef {name} {program.path}; fi'
    lines += ["    esac", "}", load]
    return "\n".join(lines) + "\n"


def _zsh_item(word: str, help: str) -> str:
    return _quoted(f"{word}:{help}")


def fish(program: Command) -> str:
    """For /usr/share/fish/vendor_completions.d."""
    name = "_" + function_name(program) + "_command"
    paths = " ".join(f'"{command.path}"' for command in program.walk() if command is not program)
    lines = [
        "# Written by packaging/linux/commands.py from the program's grammar.",
        f"function {name}",
        f"    set -l path {program.path}",
        "    set -l skip 0",
        "    set -l words (commandline -opc)",
        "    for word in $words[2..-1]",
        "        if test $skip = 1",
        "            set skip 0",
        f"        else if contains -- $word {' '.join(sorted(_with_values(program)))}",
        "            set skip 1",
        f'        else if contains -- "$path $word" {paths}',
        '            set path "$path $word"',
        "        end",
        "    end",
        '    test "$path" = "$argv[1]"',
        "end",
        f"complete -c {program.path} -f",
    ]
    for command in program.walk():
        lines += _fish_command(program.path, f"complete -c {program.path} -n '{name} \"{command.path}\"'", command)
    return "\n".join(lines) + "\n"


def _fish_command(program: str, begin: str, command: Command) -> Iterator[str]:
    for below in command.commands:
        yield f"{begin} -a {below.word} -d {_fish_text(below.description)}"
    for value in _values(command):
        yield f"{begin} -a {value}"
    if _path_of(command):
        yield f"{begin} -F"
    for option in command.options:
        flags = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
        takes = "" if not option.value else " -r -F" if option.path else " -x"
        choices = f" -a {_fish_text(' '.join(option.choices))}" if option.choices else ""
        yield f"{begin} {flags}{takes}{choices} -d {_fish_text(option.help)}"


def _fish_text(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
