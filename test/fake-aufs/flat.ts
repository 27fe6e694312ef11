import { MountinfoField } from '#lib/sys/native.js'
import type { FlatBranches, FlatMountinfo, Native } from '#lib/sys/native.js'
import type { Word } from './grammar.ts'
import type { Union } from './rules.ts'

const BITS: Readonly<Record<string, number>> = { rw: 1, ro: 2, rr: 4, wh: 0x1000, nolwh: 0x2000 }

export function textOf(path: string | Uint8Array): string {
  return typeof path === 'string' ? path : Buffer.from(path).toString()
}

/** Each function twice, as the addon has it: the first form answers a promise. */
export function bothForms(real: Native, own: Readonly<Record<string, unknown>>): Native {
  const double: Record<string, unknown> = { ...real }
  for (const [name, call] of Object.entries(own)) {
    const sync = call as (...args: unknown[]) => unknown
    double[`${name}Sync`] = sync
    // A turn later, as from another thread.
    double[name] = async (...args: unknown[]) => {
      await new Promise((resolve) => setImmediate(resolve))
      return sync(...args)
    }
  }
  return double as unknown as Native
}

/** The settings of a context as words. */
export function wordsOf(packed: Uint8Array, commands: Int32Array): Word[] {
  const pieces = Buffer.from(packed).toString().split('\0')
  return Array.from({ length: commands.length / 2 }, (_, at) => ({
    key: pieces[2 * at]!,
    value: commands[2 * at] === 1 ? pieces[2 * at + 1]! : undefined,
  }))
}

export function spell({ key, value }: Word): string {
  return value === undefined ? key : `${key}=${value}`
}

/** As sysfs has it; mountinfo shows the number. */
export function nameOf(union: Pick<Union, 'id'>): string {
  return `si_${union.id.toString(16).padStart(16, '0')}`
}

/** Bytes 1 to 32, the backslash and 127, as aufs writes paths. */
export function escape(path: string): string {
  return Array.from(Buffer.from(path).toString('latin1'), (character) => {
    const code = character.charCodeAt(0)
    const strange = code <= 0x20 || code === 0x7f || character === '\\'
    return strange ? `\\${code.toString(8).padStart(3, '0')}` : character
  }).join('')
}

export function flatBranches({ branches }: Pick<Union, 'branches'>): FlatBranches {
  const rows: number[] = []
  let text = ''
  for (const { id, path, permission } of branches) {
    const escaped = escape(path)
    const bits = permission.split('+').reduce((sum, word) => sum | (BITS[word] ?? 0), 0)
    rows.push(id, bits, text.length, text.length + escaped.length)
    text += escaped
  }
  return { rows: Int32Array.from(rows), text }
}

/** The words that mountinfo shows of a union. */
export function superOptions(union: Omit<Union, 'nextId'>): string {
  const label = union.label === undefined ? [] : [`context="${union.label}"`]
  const rest = [...(union.xino === undefined ? ['noxino'] : []), ...union.flags.flatMap(shown)]
  return [union.readOnly ? 'ro' : 'rw', ...label, `si=${nameOf(union).slice(3)}`, ...rest].join(',')
}

/** aufs_show_options() in fs/aufs/super.c: what is common is not shown, and some is never. */
const COMMON = [
  'plink',
  'warn_perm',
  'diropq=w',
  'dirwh=3',
  'create=tdp',
  'cpup=tdp',
  'rdcache=10',
  'rdblk=512',
]
const HIDDEN = [...COMMON, 'rdhash=32', 'udba=reval', 'wsum', 'noacl', 'trunc_xib', 'notrunc_xib']

function shown(flag: string): string[] {
  const word = flag.replace(/^diropq=(.).*/, 'diropq=$1').replace('udba=fsnotify', 'udba=notify')
  const negative = word.startsWith('no') && !['noplink', 'nowarn_perm'].includes(word)
  return negative || HIDDEN.includes(word) ? [] : [word]
}

/** A line of mountinfo in numbers and slices of a growing text. */
export interface Line {
  readonly id: number
  readonly parent: number
  readonly minor: number
  readonly mountPoint: string
  readonly superOptions: string
}

/** A mount table and lines behind it. */
export function withLines(table: FlatMountinfo, lines: readonly Line[]): FlatMountinfo {
  const rows = [...table.rows]
  let text = table.text
  const slice = (part: string): [number, number] => {
    text += part
    return [text.length - part.length, text.length]
  }
  for (const line of lines) {
    const row: number[] = [line.id, line.parent, 0, line.minor]
    row.push(...slice('/'), ...slice(escape(line.mountPoint)), ...slice('rw,relatime'), ...slice(''))
    row.push(...slice('aufs'), ...slice('none'), ...slice(line.superOptions))
    if (row.length !== MountinfoField.row) throw new Error('a row of mountinfo has other fields now')
    rows.push(...row)
  }
  return { rows: Int32Array.from(rows), text }
}
