import {
  checkBytes,
  checkDirfd,
  checkFd,
  checkFlags,
  checkInteger,
  checkName,
  checkOptions,
  invalidType,
} from './arguments.ts'
import { binding } from './binding.ts'
import {
  AT_FDCWD,
  FSCONFIG_SET_FD,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_PATH,
  FSCONFIG_SET_STRING,
  FSOPEN_CLOEXEC,
} from './constants.ts'
import { check, SyscallError } from './error.ts'
import type { Failure, Path } from './native.ts'

/** One fsconfig(2) setting: a flag, a string of at most 255 bytes, an open descriptor, or a path. */
export type FsSetting =
  | { readonly key: string }
  | { readonly key: string; readonly value: Path }
  | { readonly key: string; readonly fd: number }
  | { readonly key: string; readonly path: Path; readonly dirfd?: number }

/** What {@link newMount} makes. */
export interface NewMountOptions {
  /** Name of the filesystem, as in /proc/filesystems. */
  type: string
  /** Its settings, in order. `source` is one of them. */
  settings?: readonly FsSetting[]
  /** FSOPEN_*; the default is FSOPEN_CLOEXEC. */
  flags?: number
  /** MOUNT_ATTR_* of the mount; the default is 0. */
  attributes?: number
}

interface Encoded {
  commands: Int32Array
  words: Uint8Array
}

const nul = Buffer.alloc(1)

/** Settings as native takes them. */
export function encodeSettings(settings: readonly FsSetting[]): Encoded {
  if (!Array.isArray(settings)) throw invalidType('settings', 'an instance of Array', settings)
  const commands = new Int32Array(settings.length * 2)
  const words: Uint8Array[] = []
  settings.forEach((setting: FsSetting, index) => {
    const name = `settings[${String(index)}]`
    const [command, aux, value] = encodeOne(setting, name)
    commands[2 * index] = command
    commands[2 * index + 1] = aux
    words.push(Buffer.from(checkName(setting.key, `${name}.key`)), nul, value, nul)
  })
  return { commands, words: Buffer.concat(words) }
}

function encodeOne(setting: FsSetting, name: string): [command: number, aux: number, value: Uint8Array] {
  checkOptions(setting, name)
  if ('fd' in setting) return [FSCONFIG_SET_FD, checkFd(setting.fd, `${name}.fd`), Buffer.alloc(0)]
  if ('path' in setting) {
    const dirfd = checkDirfd(setting.dirfd ?? AT_FDCWD, `${name}.dirfd`)
    return [FSCONFIG_SET_PATH, dirfd, bytes(setting.path, `${name}.path`)]
  }
  if ('value' in setting) return [FSCONFIG_SET_STRING, 0, bytes(setting.value, `${name}.value`)]
  return [FSCONFIG_SET_FLAG, 0, Buffer.alloc(0)]
}

function bytes(value: Path, name: string): Uint8Array {
  const checked = checkBytes(value, name)
  return typeof checked === 'string' ? Buffer.from(checked) : checked
}

/** The kernel's lines without its marks: "e " an error, "w " a warning, "i " a remark. */
export function kernelWords(log: string): string {
  return log
    .split('\n')
    .map((line) => line.replace(/^[ewi] /, ''))
    .filter((line) => line !== '')
    .join('; ')
}

function settingWords(setting: FsSetting | undefined): string {
  if (setting === undefined) return ''
  if ('fd' in setting) return `at ${setting.key}=<fd ${String(setting.fd)}>`
  if ('path' in setting) return `at ${setting.key}=${setting.path.toString()}`
  return 'value' in setting ? `at ${setting.key}=${setting.value.toString()}` : `at ${setting.key}`
}

function checkJob(
  answer: number | Failure,
  calls: { first: string; last: string },
  settings: readonly FsSetting[],
  path?: Path,
): number {
  if (typeof answer === 'number') return check(answer, calls.first, { path })
  const { errno, step, log } = answer
  const syscall = step === 0 ? calls.first : step <= settings.length + 1 ? 'fsconfig' : calls.last
  const detail = kernelWords(log) || (step > 0 ? settingWords(settings[step - 1]) : '')
  throw new SyscallError(errno, syscall, { path, detail })
}

/** What native takes for "make no mount of it". */
const NO_MOUNT = -1

function newMountArguments(
  options: NewMountOptions,
  least = 0,
): [string, Int32Array, Uint8Array, number, number] {
  const { type, settings = [], flags = FSOPEN_CLOEXEC, attributes = 0 } = checkOptions(options)
  const { commands, words } = encodeSettings(settings)
  return [
    checkName(type, 'options.type'),
    commands,
    words,
    checkFlags(flags, 'options.flags'),
    checkInteger(attributes, 'options.attributes', least, 0x7fffffff),
  ]
}

const newMountCalls = { first: 'fsopen', last: 'fsmount' }
const reconfigureCalls = { first: 'fspick', last: 'fsconfig' }

/**
 * fsopen(2), fsconfig(2) for each setting, FSCONFIG_CMD_CREATE and fsmount(2), as one job: makes a mount that is
 * attached nowhere. Linux 5.2.
 *
 * @returns the mount's descriptor (close-on-exec): attach it by {@link moveMount}. It goes with its last
 * descriptor when it is never attached.
 * @throws SyscallError of the call that failed ('fsopen', 'fsconfig', 'fsmount') with the kernel's own words, or the
 * setting, in `detail`; ENOSYS before Linux 5.2, ENODEV when there is no such filesystem.
 */
export async function newMount(options: NewMountOptions): Promise<number> {
  const args = newMountArguments(options)
  return checkJob(await binding().newMount(...args), newMountCalls, options.settings ?? [])
}

/** {@link newMount} on the calling thread. */
export function newMountSync(options: NewMountOptions): number {
  const args = newMountArguments(options)
  return checkJob(binding().newMountSync(...args), newMountCalls, options.settings ?? [])
}

/**
 * As {@link newMount}, but stops when the superblock is made, and lets go of it: shows whether a filesystem takes
 * these settings, and its words when it does not.
 *
 * @throws SyscallError as {@link newMount}.
 */
export async function tryMount(options: Omit<NewMountOptions, 'attributes'>): Promise<void> {
  const args = newMountArguments({ ...options, attributes: NO_MOUNT }, NO_MOUNT)
  checkJob(await binding().newMount(...args), newMountCalls, options.settings ?? [])
}

/** {@link tryMount} on the calling thread. */
export function tryMountSync(options: Omit<NewMountOptions, 'attributes'>): void {
  const args = newMountArguments({ ...options, attributes: NO_MOUNT }, NO_MOUNT)
  checkJob(binding().newMountSync(...args), newMountCalls, options.settings ?? [])
}

/**
 * fspick(2), fsconfig(2) for each setting and FSCONFIG_CMD_RECONFIGURE, as one job: changes the settings of a
 * filesystem that is mounted. Linux 5.2.
 *
 * @param dirfd where a relative path begins, or AT_FDCWD, or a mount's own descriptor with an empty path and
 * FSPICK_EMPTY_PATH.
 * @param flags FSPICK_*.
 * @throws SyscallError of the call that failed ('fspick', 'fsconfig') with the kernel's own words in `detail`.
 */
export async function reconfigure(
  dirfd: number,
  path: Path,
  flags: number,
  settings: readonly FsSetting[],
): Promise<void> {
  const { commands, words } = encodeSettings(settings)
  const args = [checkDirfd(dirfd), checkBytes(path, 'path'), checkFlags(flags)] as const
  checkJob(await binding().reconfigure(...args, commands, words), reconfigureCalls, settings, path)
}

/** {@link reconfigure} on the calling thread. */
export function reconfigureSync(
  dirfd: number,
  path: Path,
  flags: number,
  settings: readonly FsSetting[],
): void {
  const { commands, words } = encodeSettings(settings)
  const args = [checkDirfd(dirfd), checkBytes(path, 'path'), checkFlags(flags)] as const
  checkJob(binding().reconfigureSync(...args, commands, words), reconfigureCalls, settings, path)
}
