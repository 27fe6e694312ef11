/** How aufs reads its options: tokens between commas, no escapes, `br:` and its like spelled with a colon or an equals sign. */
export type Option =
  | BranchOption
  | { readonly kind: 'del'; readonly path: string }
  | { readonly kind: 'mod'; readonly path: string; readonly permission: string }
  | { readonly kind: 'xino'; readonly path: string | undefined }
  | { readonly kind: 'flag'; readonly word: string }

/** Where a branch goes; a number: before the branch that has it. */
type Place = 'list' | 'append' | number

interface BranchOption {
  readonly kind: 'branch'
  readonly at: Place
  readonly path: string
  /** Undefined: aufs has to find one. */
  readonly permission: string | undefined
}

/** One setting, as fsconfig(2) gives it. */
export interface Word {
  readonly key: string
  readonly value: string | undefined
}

const COLONS = ['br', 'add', 'ins', 'append', 'prepend', 'del', 'mod']
const FLAGS = [
  'dio',
  'dirperm1',
  'plink',
  'shwh',
  'sum',
  'warn_perm',
  'verbose',
  'acl',
  'dirren',
  'trunc_xib',
  'trunc_xino',
]
const VALUES: Readonly<Record<string, readonly string[]>> = {
  udba: ['none', 'reval', 'notify', 'fsnotify'],
  diropq: ['a', 'always', 'w', 'whiteouted'],
}
const isNumber =
  (least: number, most: number) =>
  (value: string): boolean =>
    /^-?\d+$/.test(value) && Number(value) >= least && Number(value) <= most
/** Options with a value, and what that may be. */
const CHECKS: Readonly<Record<string, (value: string) => boolean>> = {
  dirwh: isNumber(-(2 ** 31), 2 ** 31 - 1),
  rdcache: isNumber(-(2 ** 31), 3600),
  rdblk: (value) => value === 'def' || value === '0' || isNumber(255, 1 << 22)(value),
  rdhash: (value) => value === 'def' || isNumber(0, 1 << 19)(value),
  create: (value) => {
    const found = /^(?:tdp|rr|p?mfs(?::(\d+))?|(?:p?mfsrr|tdmfs):\d+(?::(\d+))?)$/.exec(value)
    return found !== null && Number(found[1] ?? found[2] ?? 0) <= 3600
  },
  cpup: (value) => ['tdp', 'bup', 'bu'].includes(value),
}
/** Eaten before aufs sees them (fs/fs_context.c). */
const VFS = ['ro', 'rw', 'sync', 'async', 'dirsync', 'lazytime', 'nolazytime', 'mand', 'nomand', 'source']

/** mount(2) data in words. Words of length 0 are skipped. */
export function words(data: string): Word[] {
  const found: Word[] = []
  for (const text of data.split(',')) {
    if (text === '') continue
    const colon = COLONS.find((key) => text.startsWith(`${key}:`))
    const spelled = colon === undefined ? text : `${colon}=${text.slice(colon.length + 1)}`
    const equals = spelled.indexOf('=')
    if (equals === 0) continue
    found.push(
      equals < 0
        ? { key: spelled, value: undefined }
        : { key: spelled.slice(0, equals), value: spelled.slice(equals + 1) },
    )
  }
  return found
}

/** An option that this aufs does not know: the words that its context gives. */
export class Unknown extends Error {}

/** What one word stands for: several options for a list of branches, none for what is not aufs's. */
export function optionsOf({ key, value }: Word, unknown: readonly string[]): Option[] {
  if (VFS.includes(key)) return []
  if (unknown.includes(key)) throw new Unknown(`e aufs: Unknown parameter '${key}'`)
  if (key === 'noxino' && value === undefined) return [{ kind: 'xino', path: undefined }]
  const plain = key.replace(/^no/, '')
  if (FLAGS.includes(plain) && value === undefined) return [{ kind: 'flag', word: key }]
  if (key === 'wsum' && value === undefined) return [{ kind: 'flag', word: key }]
  if (key === 'br' && value !== undefined) return list(value)
  const placed = /^(\d+):(.*)$/.exec(value ?? '')
  if ((key === 'add' || key === 'ins') && placed !== null) return [branch(placed[2]!, Number(placed[1]))]
  if (key === 'append' && value !== undefined) return [branch(value, 'append')]
  if (key === 'prepend' && value !== undefined) return [branch(value, 0)]
  if (key === 'del' && value !== undefined) return [{ kind: 'del', path: value }]
  if (key === 'mod' && value !== undefined) return [modification(value)]
  if (key === 'xino' && value !== undefined) return [{ kind: 'xino', path: value }]
  if (value !== undefined && VALUES[key]?.includes(value)) return [{ kind: 'flag', word: `${key}=${value}` }]
  if (value !== undefined && CHECKS[key]?.(value) === true) return [{ kind: 'flag', word: `${key}=${value}` }]
  if (VALUES[key] !== undefined || CHECKS[key] !== undefined)
    throw new Unknown(`e aufs: wrong value, ${String(value)}`)
  throw new Unknown(`e aufs: Unknown parameter '${key}'`)
}

/** Ends at the first empty piece: what is behind it is lost, silently. */
function list(value: string): Option[] {
  const pieces = value.split(':')
  const end = pieces.indexOf('')
  return pieces.slice(0, end < 0 ? undefined : end).map((piece) => branch(piece, 'list'))
}

function modification(text: string): Option {
  const { path, permission } = branch(text, 'append')
  if (permission === undefined) throw new Unknown(`e aufs: no permission ${text}`)
  return { kind: 'mod', path, permission }
}

/** The permission begins at the first `=`; one that is not known counts as `ro`. */
function branch(text: string, at: Place): BranchOption {
  const equals = text.indexOf('=')
  const path = equals < 0 ? text : text.slice(0, equals)
  if (equals < 0) return { kind: 'branch', at, path, permission: undefined }
  const permission = text.slice(equals + 1)
  const known = ['rw', 'ro', 'rr', 'ro+wh', 'rr+wh', 'rw+nolwh'].includes(permission)
  return { kind: 'branch', at, path, permission: known ? permission : 'ro' }
}
