import { invalidType, invalidValue } from '../../sys/arguments.ts'

/** Which of its ways to mount a stack the driver takes; 'auto' takes the first that the stack fits. */
export type OverlayForm = 'auto' | 'mount' | 'fsconfig' | 'relative'

/**
 * Options of the overlay driver, by the names of Documentation/filesystems/overlayfs.rst. What is left out is off, whatever
 * the kernel's own default: distributions change those, and a layer that is a metacopy holds no data.
 */
export interface OverlayOptions {
  /** `index=on`: hard links survive a copy up; a second mount of one upper is EBUSY. Needs file handles. */
  index?: boolean
  /** `metacopy=on`: a change of attributes alone copies no data. Needs `redirectDir: 'on'`. */
  metacopy?: boolean
  /** `redirect_dir=`: 'on' lets directories of lower layers be renamed, by an xattr that other readers do not know. */
  redirectDir?: 'on' | 'off' | 'follow' | 'nofollow'
  /** `xino=`: inode numbers that are unique over several filesystems. Left to the kernel when not given. */
  xino?: 'on' | 'off' | 'auto'
  /** `volatile`: no sync, so a layer does not survive a crash. For throw-away layers. Linux 5.10. */
  volatile?: boolean
  /** `nfs_export=on`. Needs `index`; not with `metacopy`. */
  nfsExport?: boolean
  /** `uuid=`: whether the mount has an fsid of its own. Linux 5.13 ('off', 'on'), 6.6 ('null', 'auto'). */
  uuid?: 'on' | 'off' | 'auto' | 'null'
  /** `verity=`. Needs `metacopy`. Linux 6.6. */
  verity?: 'on' | 'off' | 'require'
  /** How stacks are mounted. */
  form?: OverlayForm
}

const VALUES: { readonly [Key in keyof OverlayOptions]-?: readonly OverlayOptions[Key][] } = {
  index: [true, false],
  metacopy: [true, false],
  redirectDir: ['on', 'off', 'follow', 'nofollow'],
  xino: ['on', 'off', 'auto'],
  volatile: [true, false],
  nfsExport: [true, false],
  uuid: ['on', 'off', 'auto', 'null'],
  verity: ['on', 'off', 'require'],
  form: ['auto', 'mount', 'fsconfig', 'relative'],
}

/**
 * Checks options before the kernel is asked, which would say only EINVAL.
 *
 * @throws TypeError ERR_INVALID_ARG_TYPE, ERR_INVALID_ARG_VALUE: unknown names, unknown values, conflicts, each by name.
 */
export function checkOverlayOptions(options: unknown): OverlayOptions {
  if (options === undefined) return {}
  if (typeof options !== 'object' || options === null) throw invalidType('overlay', 'of type object', options)
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(VALUES, name)) {
      throw invalidValue(`overlay.${name}`, `is unknown; there are ${Object.keys(VALUES).join(', ')}`, value)
    }
    const values: readonly unknown[] = VALUES[name as keyof OverlayOptions]
    if (value !== undefined && !values.includes(value)) {
      throw invalidValue(`overlay.${name}`, `must be one of ${values.map(String).join(', ')}`, value)
    }
  }
  const checked: OverlayOptions = { ...options }
  refuseConflicts(checked)
  return checked
}

/** The table of ovl_fs_params_verify() in fs/overlayfs/params.c. */
function refuseConflicts(options: OverlayOptions): void {
  const { index, metacopy, nfsExport, redirectDir, verity } = options
  if (metacopy && redirectDir !== 'on') {
    throw invalidValue('overlay.metacopy', "needs overlay.redirectDir 'on'", metacopy)
  }
  if (nfsExport && !index) throw invalidValue('overlay.nfsExport', 'needs overlay.index', nfsExport)
  if (nfsExport && metacopy) {
    throw invalidValue('overlay.nfsExport', 'and overlay.metacopy exclude each other', nfsExport)
  }
  if (verity !== undefined && verity !== 'off' && !metacopy) {
    throw invalidValue('overlay.verity', 'needs overlay.metacopy', verity)
  }
}

/** Which options a store with user.* xattrs (one of a user namespace) cannot have. */
export function conflictsWithUserXattrs(options: OverlayOptions): string | undefined {
  if (options.metacopy) return 'overlay.metacopy'
  if (options.redirectDir === 'on' || options.redirectDir === 'follow') return 'overlay.redirectDir'
  return undefined
}
