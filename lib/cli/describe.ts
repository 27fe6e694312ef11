import { inspect } from 'node:util'
import { codeOf } from '../store/index.ts'
import { wrap } from './table.ts'
import { paint, type Terminal } from './terminal.ts'
import { remedyOf } from './explain.ts'
import { UsageError } from './usage.ts'

/** An error as data: what `--json` prints of it. */
export interface Described {
  readonly code: string
  readonly message: string
  readonly remedy?: string
  readonly errno?: number
  readonly syscall?: string
  readonly path?: string
  readonly dest?: string
  readonly id?: string
  readonly detail?: string
}

const WRONG_WORDS = ['ERR_USAGE', 'ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_VALUE', 'ERR_OUT_OF_RANGE']

/** Whether the command line was wrong, rather than the world. */
export function isUsage(error: unknown): boolean {
  return error instanceof UsageError || WRONG_WORDS.includes(codeOf(error) ?? '')
}

/** The library speaks of its own options; people at a shell have others. */
const PHRASES: readonly [RegExp, string][] = [
  [/\{ detach: true \}/g, '`graphdriver umount --detach`'],
  [/\{ recursive: true \}/g, '`graphdriver umount --recursive`'],
  [/cleanup\(\{ orphans: true \}\)/g, '`graphdriver cleanup --orphans`'],
  [/convert\(root, \{ to: '(\w+)' \}\)/g, '`graphdriver convert --to $1`'],
  [/get\(\) with \{ readOnly: true \}/g, '`graphdriver mount --read-only`'],
  [/To look only, open with \{ readOnly: true \}/g, 'ls, tree and changes work all the same'],
  [/To look at it, \{ readOnly: true \} is enough/g, 'ls, tree and changes work all the same'],
  [/The argument 'options\.mountLabel'/g, '--label'],
  [/the layers can be read with \{ readOnly: true \}/g, 'ls, tree and changes work all the same'],
  [/what is there can be read with \{ readOnly: true \}/g, 'ls, tree and changes work all the same'],
]

export function inWordsOfTheCommand(text: string): string {
  return PHRASES.reduce((said, [pattern, words]) => said.replace(pattern, words), text)
}

/** What is known of an error. */
export function describe(error: unknown): Described {
  if (!(error instanceof Error)) return { code: 'ERR_UNKNOWN', message: String(error) }
  const code = codeOf(error) ?? 'ERR_UNKNOWN'
  const { errno, syscall, path, dest, id, detail } = error as Partial<Record<keyof Described, unknown>>
  const remedy = remedyFor(code, path)
  return {
    code,
    message: inWordsOfTheCommand(error.message),
    ...(remedy !== undefined && { remedy }),
    ...(typeof errno === 'number' && { errno }),
    ...textsOf({ syscall, path, dest, id, detail }),
  }
}

function remedyFor(code: string, path: unknown): string | undefined {
  // Without it no file of its is there.
  if (code === 'ENOENT' && typeof path === 'string' && path.startsWith('/proc/'))
    return 'Mount it: `mount -t proc proc /proc`.'
  const remedy = remedyOf(code)
  return remedy === undefined ? undefined : inWordsOfTheCommand(remedy)
}

function textsOf<K extends string>(values: Record<K, unknown>): Partial<Record<K, string>> {
  const texts = Object.entries(values).filter(([, value]) => typeof value === 'string')
  return Object.fromEntries(texts) as Partial<Record<K, string>>
}

/** An error for people: one sentence with its code, then what to do. */
export function errorText(error: unknown, terminal: Terminal, verbose: boolean): string {
  const { code, message, remedy, detail } = describe(error)
  // An errno begins its own message.
  const named = message.includes(code) || code === 'ERR_UNKNOWN' || code === 'ERR_USAGE'
  const sentence = named ? message : `${message} (${code})`
  const lines = [`${paint(terminal, 'red', 'graphdriver:')} ${sentence}`]
  // Of a wrong command line the sentence says enough.
  if (remedy !== undefined && code !== 'ERR_USAGE') lines.push(...indented(remedy, terminal))
  if (verbose) {
    if (detail !== undefined && !message.includes(detail)) lines.push('', detail)
    lines.push('', inspect(error, { colors: terminal.color, depth: 6 }))
  }
  return `${lines.join('\n')}\n`
}

function indented(text: string, { columns }: Terminal): string[] {
  return wrap(text, columns - 2).map((line) => `  ${line}`)
}
