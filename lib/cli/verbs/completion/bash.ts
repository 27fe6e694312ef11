import type { Verb } from '../../verb.ts'
import { type Place, type VerbWords, wordsOfVerb } from './words.ts'

/** A script for bash 4 and newer: `source <(graphdriver completion bash)`. It asks the command itself for the layers. */
export function bashCompletion(verbs: readonly Verb[]): string {
  const all = verbs.map(wordsOfVerb)
  return [
    '# Completion of graphdriver for bash, printed by `graphdriver completion bash`.',
    '_graphdriver_layers() {',
    '  # The store that the line names is the one that is asked.',
    '  local -a where=()',
    '  local i',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    if [[ ${COMP_WORDS[i]} == --root ]]; then where=(--root "${COMP_WORDS[i + 1]}"); fi',
    '  done',
    '  graphdriver ls --quiet "${where[@]}" 2>/dev/null',
    '}',
    '',
    '_graphdriver() {',
    '  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} verb= place=-1 i',
    '  COMPREPLY=()',
    '  for ((i = 1; i < COMP_CWORD; i++)); do',
    '    case ${COMP_WORDS[i]} in',
    `      ${valueOptions(all)}) i=$((i + 1)) ;;`,
    '      -*) ;;',
    '      *)',
    '        if [[ -z $verb ]]; then verb=${COMP_WORDS[i]}; fi',
    '        place=$((place + 1))',
    '        ;;',
    '    esac',
    '  done',
    '  case "$verb $before" in',
    ...all.flatMap(optionCases),
    '  esac',
    '  if [[ -z $verb ]]; then',
    `    COMPREPLY=($(compgen -W "${verbs.map(({ name }) => name).join(' ')} help --help --version --root --driver" -- "$word"))`,
    '    return',
    '  fi',
    '  case "$verb" in',
    ...all.flatMap(verbCase),
    '  esac',
    '}',
    'complete -F _graphdriver graphdriver',
  ].join('\n')
}

function valueOptions(all: readonly VerbWords[]): string {
  const names = all.flatMap(({ options }) =>
    options.flatMap(({ names: own, value }) => (value === undefined ? [] : own)),
  )
  return [...new Set(names)].join(' | ')
}

/** A case for each option that takes a value. */
function optionCases({ name, options }: VerbWords): string[] {
  return options.flatMap(({ names, value }) => {
    if (value === undefined) return []
    const patterns = names.map((option) => `"${name} ${option}"`).join(' | ')
    return [`    ${patterns}) ${offer(value)}; return ;;`]
  })
}

function verbCase({ name, options, places, passThrough }: VerbWords): string[] {
  const names = options.flatMap((option) => option.names).join(' ')
  const lines = [`    ${name})`]
  lines.push(`      if [[ $word == -* ]]; then COMPREPLY=($(compgen -W "${names}" -- "$word")); return; fi`)
  places.forEach((place, at) => {
    const last = at === places.length - 1
    const test = last && !passThrough ? `place >= ${String(at)}` : `place == ${String(at)}`
    if (place.kind !== undefined || place.choices !== undefined)
      lines.push(`      if ((${test})); then ${offer(place)}; fi`)
  })
  return [...lines, '      ;;']
}

function offer({ kind, choices }: Place): string {
  if (choices !== undefined) return `COMPREPLY=($(compgen -W "${choices.join(' ')}" -- "$word"))`
  switch (kind) {
    case 'layer':
      return 'COMPREPLY=($(compgen -W "$(_graphdriver_layers)" -- "$word"))'
    case 'driver':
      return 'COMPREPLY=($(compgen -W "aufs overlay vfs" -- "$word"))'
    case 'directory':
      return 'compopt -o filenames; COMPREPLY=($(compgen -d -- "$word"))'
    case 'file':
      return 'compopt -o filenames; COMPREPLY=($(compgen -f -- "$word"))'
    case undefined:
      return 'COMPREPLY=()'
  }
}
