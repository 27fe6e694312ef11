import { isAbsolute } from 'node:path'
import { checkInteger, invalidType, invalidValue } from '../../sys/arguments.ts'

/** Which of its ways to mount a stack the driver takes; 'auto' takes the first that the stack fits. */
export type AufsForm = 'auto' | 'mount' | 'fsconfig' | 'remount'

/** Options of the aufs driver, by the names of aufs(5). */
export interface AufsOptions {
  /**
   * Where the table of inode numbers begins its life: a file that the kernel unlinks as soon as it has it open. 'auto' finds a
   * directory that only root can write (`/run/graphdriver`, `xino/` in the root, one in `/dev/shm`); 'none' does
   * without, so that inode numbers change; else an absolute directory, on a filesystem that aufs takes for it.
   */
  xino?: 'auto' | 'none' | (string & {})
  /** `dio`: files can be opened with O_DIRECT. On unless it is false. */
  dio?: boolean
  /** `dirperm1`: of a directory's permissions only the topmost branch's count. Left out: on where the kernel has it. */
  dirperm1?: boolean
  /** `udba=`: how aufs learns of changes made behind its back in a branch. Left to the kernel ('reval') when not given. */
  udba?: 'none' | 'reval' | 'notify'
  /** `noplink` when false: hard links between layers are not kept together. */
  plink?: boolean
  /** The most branches of one union, when the kernel does not say what it was built for (127, 511, 1023 or 32767). */
  maxBranches?: number
  /** How stacks are mounted. */
  form?: AufsForm
}

const FORMS: readonly unknown[] = ['auto', 'mount', 'fsconfig', 'remount']
const UDBA: readonly unknown[] = ['none', 'reval', 'notify']

/** Refuses a value by its name; undefined is one that was not given. */
const CHECKS: { readonly [Key in keyof AufsOptions]-?: (value: unknown) => void } = {
  xino: checkXino,
  dio: oneOf('dio', [true, false]),
  dirperm1: oneOf('dirperm1', [true, false]),
  udba: oneOf('udba', UDBA),
  plink: oneOf('plink', [true, false]),
  maxBranches: (value) => checkInteger(value, 'aufs.maxBranches', 2, 32_767),
  form: oneOf('form', FORMS),
}

/**
 * Checks options before the kernel is asked, which would say only EINVAL.
 *
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE; RangeError ERR_OUT_OF_RANGE: unknown names, unknown values,
 * conflicts, each by name.
 */
export function checkAufsOptions(options: unknown): AufsOptions {
  if (options === undefined) return {}
  if (typeof options !== 'object' || options === null) throw invalidType('aufs', 'of type object', options)
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(CHECKS, name)) {
      throw invalidValue(`aufs.${name}`, `is unknown; there are ${Object.keys(CHECKS).join(', ')}`, value)
    }
    if (value !== undefined) CHECKS[name as keyof AufsOptions](value)
  }
  const checked: AufsOptions = { ...options }
  if (checked.udba === 'notify' && checked.xino === 'none') {
    throw invalidValue('aufs.udba', "cannot be 'notify' with aufs.xino 'none'", checked.udba)
  }
  return checked
}

function oneOf(name: string, values: readonly unknown[]): (value: unknown) => void {
  return (value) => {
    if (values.includes(value)) return
    throw invalidValue(`aufs.${name}`, `must be one of ${values.map(String).join(', ')}`, value)
  }
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
  // eslint-disable-next-line no-control-regex -- they are what is looked for
  return /[\x00-\x1f\x7f]/.test(path) ? 'control characters' : undefined
}
