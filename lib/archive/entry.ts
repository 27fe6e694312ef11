/** What an entry of a tar is. */
export type EntryType = 'file' | 'link' | 'symlink' | 'char' | 'block' | 'directory' | 'fifo'

/** What is said of an entry; names are bytes. */
export interface EntryHead {
  /** As it is in the archive: not cleaned, and with the slash behind it that directories mostly have. */
  name: Buffer
  type: EntryType
  /** Bytes of the body; 0 for all but files. */
  size: number
  /** Permissions and set-id bits: 12 bits. */
  mode: number
  uid: number
  gid: number
  /** Nanoseconds since 1970; negative before. After 2262 they need more than 64 bits. */
  mtime: bigint
  /** Of links and symlinks. A link's target is the name of an entry before it. */
  linkname: Buffer | undefined
  /** Numbers of a device; 0 for all else. */
  major: number
  minor: number
  /** Extended attributes by name, of one character a byte (latin1). */
  xattrs: Map<string, Buffer>
}
