import { isAbsolute } from 'node:path'
import { checkInteger, invalidType, invalidValue } from '../../sys/arguments.ts'
import { GraphDriverError } from '../../sys/index.ts'

/** Which of its ways to mount a stack the driver takes; 'auto' takes the first that the stack fits. */
export type AufsForm = 'auto' | 'mount' | 'fsconfig' | 'remount'

/** Where new files go when several branches are writable; a number is of seconds or, for the ones that end in `rr` and `tdmfs`, of bytes. */
export type AufsCreatePolicy =
  | 'tdp'
  | 'rr'
  | 'mfs'
  | 'pmfs'
  | `${'mfs' | 'pmfs' | 'mfsrr' | 'pmfsrr' | 'tdmfs'}:${number}`
  | `${'mfsrr' | 'pmfsrr' | 'tdmfs'}:${number}:${number}`

/** Options of the aufs driver, by the names of aufs(5) without their underscores. What is left out is left to the kernel, but for `dio` and `dirperm1`. */
export interface AufsOptions {
  /**
   * Where the table of inode numbers begins its life: a file that the kernel unlinks as soon as it has it open. 'auto' finds a
   * directory that only root can write (`/run/graphdriver`, `xino/` in the root, one in `/dev/shm`); 'none' does
   * without, so that inode numbers change; else an absolute directory, on a filesystem that aufs takes for it.
   */
  xino?: 'auto' | 'none' | (string & {})
  /** `trunc_xino`: the table is made smaller now and then. Only for branches on tmpfs or ramfs. */
  truncXino?: boolean
  /** `trunc_xib`: its bitmap is made smaller when it is mounted. */
  truncXib?: boolean
  /** `dio`: files can be opened with O_DIRECT. On unless it is false. */
  dio?: boolean
  /** `dirperm1`: of a directory's permissions only the topmost branch's count. Left out: on where the kernel has it. */
  dirperm1?: boolean
  /** `udba=`: how aufs learns of changes made behind its back in a branch. 'notify' takes a table. */
  udba?: 'none' | 'reval' | 'notify'
  /** `noplink` when false: the names of a hard-linked file part when it is written through one of them. `true` takes a table. */
  plink?: boolean
  /** `shwh`: read-only mounts show whiteouts by their names. A mount that can be written never does: aufs wants it so. */
  shwh?: boolean
  /** `diropq=`: 'always' gives each new directory an opaque marker, 'whiteouted' only where one of its name was deleted. */
  diropq?: 'always' | 'whiteouted'
  /** `dirwh=`: a deleted directory with more whiteouts than this is emptied in the background. */
  dirwh?: number
  /** `create=`: the policy for several writable branches. A layer has one. */
  create?: AufsCreatePolicy
  /** `cpup=`: where files are copied up to when several branches are writable. A layer has one. */
  cpup?: 'tdp' | 'bup' | 'bu'
  /** `warn_perm`: the kernel's log says when the roots of branches differ in owner or mode. */
  warnPerm?: boolean
  /** `verbose`: the kernel's log says more. */
  verbose?: boolean
  /** `sum`: statfs(2) adds up the branches' filesystems; 'weighted' (`wsum`) by their size. */
  sum?: boolean | 'weighted'
  /** `acl`: POSIX access control lists. */
  acl?: boolean
  /** `rdcache=`: seconds that a listing is kept, up to 3600. */
  rdcache?: number
  /** `rdblk=`: bytes of a block of a listing, at least 255; 0 lets the kernel guess. */
  rdblk?: number
  /** `rdhash=`: the size of a listing's hash table; 0 lets the kernel guess. */
  rdhash?: number
  /**
   * The most branches of one union. Left out: what the kernel was built for (127, 511, 1023 or 32767), as it says, or as it turns out when
   * the driver tries.
   */
  maxBranches?: number
  /** How stacks are mounted. */
  form?: AufsForm
}

const FLAG = [true, false]

/** Refuses a value by its name; undefined is one that was not given. The order is that of the words in a mount. */
const CHECKS: { readonly [Key in keyof AufsOptions]-?: (value: unknown) => void } = {
  xino: checkXino,
  truncXino: oneOf('truncXino', FLAG),
  truncXib: oneOf('truncXib', FLAG),
  dio: oneOf('dio', FLAG),
  dirperm1: oneOf('dirperm1', FLAG),
  udba: oneOf('udba', ['none', 'reval', 'notify']),
  plink: oneOf('plink', FLAG),
  shwh: oneOf('shwh', FLAG),
  diropq: oneOf('diropq', ['always', 'whiteouted']),
  dirwh: integer('dirwh', 0, 0x7fffffff),
  create: checkCreate,
  cpup: oneOf('cpup', ['tdp', 'bup', 'bu']),
  warnPerm: oneOf('warnPerm', FLAG),
  verbose: oneOf('verbose', FLAG),
  sum: oneOf('sum', [true, false, 'weighted']),
  acl: oneOf('acl', FLAG),
  rdcache: integer('rdcache', 0, 3600),
  rdblk: checkBlock,
  rdhash: integer('rdhash', 0, 1 << 19),
  maxBranches: integer('maxBranches', 2, 32_767),
  form: oneOf('form', ['auto', 'mount', 'fsconfig', 'remount']),
}

const BRANCHES = "is not yours to give: the branches of a mount are the layer's own"

/** Words of aufs that are no options here, and what there is instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['br', 'dirs', 'add', 'ins', 'append', 'prepend', 'del', 'mod', 'imod', 'idel'].map((name) => [
      name,
      BRANCHES,
    ]),
  ),
  noxino: "is written { xino: 'none' }",
  wsum: "is written { sum: 'weighted' }",
  dirren:
    'is not offered: a renamed directory would be known to aufs alone, and be missing from the tar of its layer',
  copyup: 'is written { cpup }',
  fhsm_sec: 'is not offered: a layer has one writable branch',
  context: 'is the mountLabel of get()',
}

/**
 * Checks options before the kernel is asked, which would say only EINVAL, or nothing.
 *
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE: unknown names, unknown values,
 * conflicts, each by name.
 */
export function checkAufsOptions(options: unknown): AufsOptions {
  if (options === undefined) return {}
  if (typeof options !== 'object' || options === null) throw invalidType('aufs', 'of type object', options)
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, name)) throw unknown(name, value)
    if (value !== undefined) CHECKS[name as keyof AufsOptions](value)
  }
  const checked: AufsOptions = { ...options }
  if (checked.xino === 'none') refuseWithoutTable(checked)
  return checked
}

function unknown(name: string, value: unknown): TypeError {
  const instead = Object.hasOwn(ELSEWHERE, name) ? ELSEWHERE[name] : spelled(name)
  return invalidValue(
    `aufs.${name}`,
    instead ?? `is unknown; there are ${Object.keys(CHECKS).join(', ')}`,
    value,
  )
}

/** Somebody wrote the kernel's word: `trunc_xino`, `noplink`. */
function spelled(name: string): string | undefined {
  const plain = name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase())
  if (Object.hasOwn(CHECKS, plain)) return `is written { ${plain} }`
  const positive = plain.replace(/^no/, '')
  return plain !== positive && Object.hasOwn(CHECKS, positive)
    ? `is written { ${positive}: false }`
    : undefined
}

/** What the kernel takes without a word, and does not do. */
const NEEDS_TABLE = [
  ['udba', 'notify'],
  ['truncXino', true],
  ['truncXib', true],
  ['plink', true],
] as const

function refuseWithoutTable(options: AufsOptions): void {
  for (const [name, value] of NEEDS_TABLE) {
    if (options[name] !== value) continue
    const shown = typeof value === 'string' ? `'${value}'` : String(value)
    throw invalidValue(`aufs.${name}`, `cannot be ${shown} with aufs.xino 'none'`, value)
  }
}

/**
 * Refuses the options that want a table where no place for one was found.
 *
 * @throws GraphDriverError ERR_DRIVER_PREREQUISITE
 */
export function refuseWithoutXino(options: AufsOptions, reason: string): void {
  for (const [name, value] of NEEDS_TABLE) {
    if (options[name] !== value) continue
    const words = `aufs.${name} takes a table of inode numbers, and there is no place for it: ${reason}`
    throw new GraphDriverError('ERR_DRIVER_PREREQUISITE', words)
  }
}

function oneOf(name: string, values: readonly unknown[]): (value: unknown) => void {
  return (value) => {
    if (values.includes(value)) return
    throw invalidValue(`aufs.${name}`, `must be one of ${values.map(String).join(', ')}`, value)
  }
}

function integer(name: string, least: number, most: number): (value: unknown) => void {
  return (value) => {
    checkInteger(value, `aufs.${name}`, least, most)
  }
}

/** A block has room for at least one name (NAME_MAX), and the kernel takes it in one piece (KMALLOC_MAX_SIZE). */
function checkBlock(value: unknown): void {
  if (value !== 0) checkInteger(value, 'aufs.rdblk', 255, 1 << 22)
}

/** The watermark is a number of bytes, the seconds are at most 3600 (AUFS_MFS_MAX_SEC). */
const CREATE = /^(?:tdp|rr|p?mfs(?::(?<seconds>\d+))?|(?:p?mfsrr|tdmfs):(?<bytes>\d+)(?::(?<then>\d+))?)$/

function checkCreate(value: unknown): void {
  const found = typeof value === 'string' ? CREATE.exec(value)?.groups : undefined
  const seconds = Number(found?.['seconds'] ?? found?.['then'] ?? 0)
  if (found !== undefined && seconds <= 3600 && Number(found['bytes'] ?? 0) <= 0x7fffffff) return
  throw invalidValue(
    'aufs.create',
    'must be one of tdp, rr, mfs[:s], pmfs[:s], mfsrr:b[:s], pmfsrr:b[:s], tdmfs:b[:s], of bytes b and up to 3600 seconds s',
    value,
  )
}

function checkXino(value: unknown): void {
  if (typeof value !== 'string') throw invalidType('aufs.xino', 'of type string', value)
  if (value === 'auto' || value === 'none') return
  if (!isAbsolute(value)) {
    throw invalidValue('aufs.xino', "must be 'auto', 'none' or an absolute path of a directory", value)
  }
  const bad = hazardIn(value)
  if (bad !== undefined) throw invalidValue('aufs.xino', `must not hold ${bad}`, value)
}

/** What of a path the options of aufs cannot carry, in words: they know no escapes at all. */
export function hazardIn(path: string): string | undefined {
  const found = /[,:=]/.exec(path)?.[0]
  if (found !== undefined) return `"${found}", which parts the options of aufs`
  // All of ASCII that cannot be seen.
  return /[^ -~\u0080-\uffff]/.test(path) ? 'control characters' : undefined
}
