/** `glovebox completion`: the script that lets a shell complete commands, tools and ids. */
import { GloveboxError } from '#core/errors.ts';
import type { CliCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';

const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `_glovebox() {
  local IFS=$'\\n'
  COMPREPLY=($(glovebox __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null))
}
complete -o default -F _glovebox glovebox`,
  zsh: `#compdef glovebox
_glovebox() {
  local -a found
  found=("\${(@f)$(glovebox __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${found[1]}" ]]; then compadd -a found; else _files; fi
}
compdef _glovebox glovebox`,
  fish: `function __glovebox_complete
  set -l words (commandline -opc) (commandline -ct)
  glovebox __complete $words[2..-1] 2>/dev/null
end
complete -c glovebox -a '(__glovebox_complete)'`,
};

export const completion: CliCommand = {
  usage: 'completion <shell>',
  about:
    'Print the completion script for bash, zsh or fish, e.g. source <(glovebox completion bash).',
  async run(context, command) {
    const [shell = ''] = command.args;
    const script = SCRIPTS[shell];
    if (script === undefined) {
      throw new GloveboxError('input/invalid', `There is no completion for "${shell}".`, {
        hint: 'bash, zsh or fish',
      });
    }
    if (context.json) context.printJson({ shell, script });
    else context.print(script);
    return EXIT.done;
  },
};
