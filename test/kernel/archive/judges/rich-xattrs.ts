import type { Plant } from './plant.ts'

const bytes = (text: string): Buffer => Buffer.from(text)

/** `struct vfs_ns_cap_data` of include/uapi/linux/capability.h; with a root user id, revision 3. */
function capability(permitted: bigint, rootid?: number): Buffer {
  const VFS_CAP_REVISION_2 = 0x02000000
  const VFS_CAP_REVISION_3 = 0x03000000
  const VFS_CAP_FLAGS_EFFECTIVE = 1
  const value = Buffer.alloc(rootid === undefined ? 20 : 24)
  const revision = rootid === undefined ? VFS_CAP_REVISION_2 : VFS_CAP_REVISION_3
  value.writeUInt32LE(revision | VFS_CAP_FLAGS_EFFECTIVE, 0)
  value.writeUInt32LE(Number(permitted & 0xffffffffn), 4)
  value.writeUInt32LE(Number(permitted >> 32n), 12)
  if (rootid !== undefined) value.writeUInt32LE(rootid, 20)
  return value
}

/** `struct posix_acl_xattr_header` and entries of include/uapi/linux/posix_acl_xattr.h: tag, permissions, id. */
function acl(...entries: [tag: number, permissions: number, id?: number][]): Buffer {
  const POSIX_ACL_XATTR_VERSION = 2
  const NO_ID = 0xffffffff
  const value = Buffer.alloc(4 + 8 * entries.length)
  value.writeUInt32LE(POSIX_ACL_XATTR_VERSION, 0)
  for (const [at, [tag, permissions, id = NO_ID]] of entries.entries()) {
    value.writeUInt16LE(tag, 4 + 8 * at)
    value.writeUInt16LE(permissions, 6 + 8 * at)
    value.writeUInt32LE(id, 8 + 8 * at)
  }
  return value
}

const [USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER] = [0x01, 0x02, 0x04, 0x08, 0x10, 0x20] as const

/** Extended attributes: bytes that are no text, capabilities, access control lists. */
export function xattrs(): Plant[] {
  const CAP_SETUID = 7n
  const CAP_BPF = 39n
  const every = Buffer.from(Array.from({ length: 256 }, (_, at) => at))
  const access = acl([USER_OBJ, 7], [USER, 5, 1000], [GROUP_OBJ, 4], [GROUP, 6, 1001], [MASK, 6], [OTHER, 0])
  const inherited = acl([USER_OBJ, 7], [USER, 7, 4294967294], [GROUP_OBJ, 5], [MASK, 7], [OTHER, 5])
  const file = (name: string, values: Record<string, Uint8Array>, mode = 0o644): Plant => ({
    path: `xattrs/${name}`,
    kind: 'file',
    mode,
    content: bytes(name),
    xattrs: values,
  })
  return [
    { path: 'xattrs', kind: 'directory' },
    file('text', { 'user.text': bytes('value') }),
    file('empty', { 'user.empty': Buffer.alloc(0) }),
    file('every-byte', { 'user.bytes': every }),
    file('lines', { 'user.lines': bytes('12 path=elsewhere\n18 size=0\n') }),
    file('many', Object.fromEntries([9, 10, 1, 2].map((at) => [`user.n${at}`, bytes(String(at))]))),
    file('utf8-name', { 'user.größe': bytes('groß') }),
    file('equals-sign', { 'user.a=b%3D%': bytes('its name has what a PAX record ends its key with') }),
    file('long', { 'user.long': Buffer.alloc(3000, 'x') }),
    file('capability', { 'security.capability': capability(1n << CAP_SETUID) }, 0o755),
    file(
      'capability-high',
      { 'security.capability': capability((1n << CAP_BPF) | (1n << CAP_SETUID)) },
      0o755,
    ),
    file('capability-of-root-id', { 'security.capability': capability(1n << CAP_SETUID, 100000) }, 0o755),
    file('trusted', { 'trusted.mine': bytes('of root only') }),
    file('acl', { 'system.posix_acl_access': access }, 0o760),
    {
      path: 'xattrs/directory',
      kind: 'directory',
      mode: 0o760,
      xattrs: {
        'system.posix_acl_access': access,
        'system.posix_acl_default': inherited,
        'user.on-directory': every,
      },
    },
    { path: 'xattrs/symlink', kind: 'symlink', target: 'text', xattrs: { 'trusted.link': every } },
    { path: 'xattrs/fifo', kind: 'fifo', xattrs: { 'trusted.fifo': every } },
  ]
}
