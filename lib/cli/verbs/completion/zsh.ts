import type { Verb } from '../../verb.ts'
import { type Place, type VerbWords, wordsOfVerb } from './words.ts'

/** A script for zsh: a file `_graphdriver` in a directory of $fpath. It asks the command itself for the layers. */
export function zshCompletion(verbs: readonly Verb[]): string {
  return [
    '#compdef graphdriver',
    '# Completion of graphdriver for zsh, printed by `graphdriver completion zsh`.',
    '_graphdriver_layers() {',
    '  local -a where layers',
    '  if (( ${+opt_args[--root]} )); then where=(--root "${opt_args[--root]}"); fi',
    '  layers=(${(f)"$(graphdriver ls --quiet $where 2>/dev/null)"})',
    "  _describe 'layer' layers",
    '}',
    '',
    '_graphdriver() {',
    '  local curcontext="$curcontext" state line',
    '  typeset -A opt_args',
    "  _arguments -C '1:verb:->verb' '*::word:->words'",
    '  case $state in',
    '    verb)',
    '      local -a verbs=(',
    ...verbs.map(({ name, summary }) => `        ${quote(`${name}:${summary}`)}`),
    '      )',
    "      _describe 'verb' verbs",
    '      ;;',
    '    words)',
    '      case $line[1] in',
    ...verbs.map(wordsOfVerb).flatMap(verbCase),
    '      esac',
    '      ;;',
    '  esac',
    '}',
    '',
    'if [[ $funcstack[1] == _graphdriver ]]; then _graphdriver "$@"; else compdef _graphdriver graphdriver; fi',
  ].join('\n')
}

function verbCase({ name, options, places, passThrough }: VerbWords): string[] {
  const flags = options.flatMap(({ names, summary, value }) =>
    names.map((one) =>
      quote(`${one}[${described(summary)}]${value === undefined ? '' : `:${actionOf(value)}`}`),
    ),
  )
  const words = places.map((place, at) => {
    const last = at === places.length - 1
    if (last && passThrough) return quote('*::command:_normal')
    return quote(`${last ? '*' : String(at + 1)}:${actionOf(place)}`)
  })
  return [
    `        ${name})`,
    '          _arguments -S \\',
    ...[...flags, ...words].map(
      (word, at, all) => `            ${word}${at === all.length - 1 ? '' : ' \\'}`,
    ),
    '          ;;',
  ]
}

/** Brackets and colons mean something to _arguments. */
function described(summary: string): string {
  return summary.replace(/[[\]:\\]/g, (character) => `\\${character}`)
}

function actionOf({ kind, choices }: Place): string {
  if (choices !== undefined) return `value:(${choices.join(' ')})`
  switch (kind) {
    case 'layer':
      return 'layer:_graphdriver_layers'
    case 'driver':
      return 'driver:(aufs overlay vfs)'
    case 'directory':
      return 'directory:_directories'
    case 'file':
      return 'file:_files'
    case undefined:
      return 'word:'
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
