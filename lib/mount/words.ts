import {
  MOUNT_ATTR__ATIME,
  MOUNT_ATTR_NOATIME,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NODIRATIME,
  MOUNT_ATTR_NOEXEC,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_NOSYMFOLLOW,
  MOUNT_ATTR_RDONLY,
  MOUNT_ATTR_RELATIME,
  MOUNT_ATTR_STRICTATIME,
  MS_BIND,
  MS_DIRSYNC,
  MS_I_VERSION,
  MS_LAZYTIME,
  MS_MANDLOCK,
  MS_MOVE,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_POSIXACL,
  MS_PRIVATE,
  MS_RDONLY,
  MS_REC,
  MS_RELATIME,
  MS_REMOUNT,
  MS_SHARED,
  MS_SILENT,
  MS_SLAVE,
  MS_STRICTATIME,
  MS_SYNCHRONOUS,
  MS_UNBINDABLE,
} from '../sys/index.ts'

/** What a word of mount(8) does to the flags of mount(2) and to the attributes of mount_setattr(2). */
export interface WordEffect {
  readonly set?: number
  readonly clear?: number
  readonly attributes?: { readonly set: number; readonly clear: number }
}

const atimeFlags = MS_NOATIME | MS_RELATIME | MS_STRICTATIME

function attribute(flag: number, bit: number): [on: WordEffect, off: WordEffect] {
  return [
    { set: flag, attributes: { set: bit, clear: 0 } },
    { clear: flag, attributes: { set: 0, clear: bit } },
  ]
}

function atime(flag: number, bits: number): WordEffect {
  return { set: flag, clear: atimeFlags & ~flag, attributes: { set: bits, clear: MOUNT_ATTR__ATIME } }
}

const [ro, rw] = attribute(MS_RDONLY, MOUNT_ATTR_RDONLY)
const [nosuid, suid] = attribute(MS_NOSUID, MOUNT_ATTR_NOSUID)
const [nodev, dev] = attribute(MS_NODEV, MOUNT_ATTR_NODEV)
const [noexec, exec] = attribute(MS_NOEXEC, MOUNT_ATTR_NOEXEC)
const [nosymfollow, symfollow] = attribute(MS_NOSYMFOLLOW, MOUNT_ATTR_NOSYMFOLLOW)
const [nodiratime, diratime] = attribute(MS_NODIRATIME, MOUNT_ATTR_NODIRATIME)

/** Words about the mount itself: each has an attribute of mount_setattr(2), and so a form for whole trees (`rro`). */
export const mountWords: ReadonlyMap<string, WordEffect> = new Map([
  ['ro', ro],
  ['rw', rw],
  ['nosuid', nosuid],
  ['suid', suid],
  ['nodev', nodev],
  ['dev', dev],
  ['noexec', noexec],
  ['exec', exec],
  ['nosymfollow', nosymfollow],
  ['symfollow', symfollow],
  ['nodiratime', nodiratime],
  ['diratime', diratime],
  ['noatime', atime(MS_NOATIME, MOUNT_ATTR_NOATIME)],
  ['relatime', atime(MS_RELATIME, MOUNT_ATTR_RELATIME)],
  ['strictatime', atime(MS_STRICTATIME, MOUNT_ATTR_STRICTATIME)],
  ['atime', { clear: MS_NOATIME, attributes: { set: MOUNT_ATTR_RELATIME, clear: MOUNT_ATTR__ATIME } }],
  ['norelatime', { clear: MS_RELATIME }],
  ['nostrictatime', { clear: MS_STRICTATIME }],
])

/** Words about the filesystem, and about what mount(2) does. */
export const filesystemWords: ReadonlyMap<string, WordEffect> = new Map([
  ['sync', { set: MS_SYNCHRONOUS }],
  ['async', { clear: MS_SYNCHRONOUS }],
  ['dirsync', { set: MS_DIRSYNC }],
  ['mand', { set: MS_MANDLOCK }],
  ['nomand', { clear: MS_MANDLOCK }],
  ['lazytime', { set: MS_LAZYTIME }],
  ['nolazytime', { clear: MS_LAZYTIME }],
  ['iversion', { set: MS_I_VERSION }],
  ['noiversion', { clear: MS_I_VERSION }],
  ['silent', { set: MS_SILENT }],
  ['loud', { clear: MS_SILENT }],
  ['posixacl', { set: MS_POSIXACL }],
  ['remount', { set: MS_REMOUNT }],
  ['bind', { set: MS_BIND }],
  ['rbind', { set: MS_BIND | MS_REC }],
  ['move', { set: MS_MOVE }],
])

/** Words about propagation: each is a call of its own. */
export const propagationWords: ReadonlyMap<string, number> = new Map([
  ['shared', MS_SHARED],
  ['slave', MS_SLAVE],
  ['private', MS_PRIVATE],
  ['unbindable', MS_UNBINDABLE],
  ['rshared', MS_SHARED | MS_REC],
  ['rslave', MS_SLAVE | MS_REC],
  ['rprivate', MS_PRIVATE | MS_REC],
  ['runbindable', MS_UNBINDABLE | MS_REC],
])

/** Words of fstab(5) that are for programs, and that the kernel does not know. */
export const programWords: ReadonlySet<string> = new Set([
  'auto',
  'noauto',
  'nouser',
  'noowner',
  'nogroup',
  'nofail',
  '_netdev',
])
