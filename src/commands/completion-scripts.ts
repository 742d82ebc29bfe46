/** Each script asks `ecsdeploy completion -- WORDS`, and shows file names where there is no answer. */
const SCRIPTS: Readonly<Record<string, string>> = {
  bash: `# ecsdeploy completion for bash; add to ~/.bashrc: source <(ecsdeploy completion bash)
_ecsdeploy() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do
    COMPREPLY+=("\${line%%$'\\t'*}")
  done < <("\${COMP_WORDS[0]}" completion -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _ecsdeploy ecsdeploy`,
  zsh: `#compdef ecsdeploy
# ecsdeploy completion for zsh; add to ~/.zshrc after compinit: source <(ecsdeploy completion zsh)
_ecsdeploy() {
  local line value
  local -a values
  while IFS= read -r line; do
    value="\${line%%$'\\t'*}"
    values+=("\${value//:/\\\\:}:\${line#*$'\\t'}")
  done < <(ecsdeploy completion -- "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( $#values )); then _describe ecsdeploy values; else _files; fi
}
compdef _ecsdeploy ecsdeploy`,
  fish: `# ecsdeploy completion for fish; save as ~/.config/fish/completions/ecsdeploy.fish
function __ecsdeploy_complete
  set -l words (commandline -opc) (commandline -ct)
  ecsdeploy completion -- $words[2..-1] 2>/dev/null
end
complete -c ecsdeploy -f -a '(__ecsdeploy_complete)'
complete -c ecsdeploy -n 'not __ecsdeploy_complete | string length -q' -F`,
};

export const SHELLS: readonly string[] = Object.keys(SCRIPTS);

/** The completion script of a shell; undefined for a shell that has none. */
export function scriptOf(shell: string): string | undefined {
  return Object.hasOwn(SCRIPTS, shell) ? SCRIPTS[shell] : undefined;
}
