/**
 * Indices in what `statx` answers. Times are nanoseconds since 1970 as signed numbers.
 */
export const StatxField = {
  mask: 0,
  attributes: 1,
  attributesMask: 2,
  mode: 3,
  nlink: 4,
  uid: 5,
  gid: 6,
  ino: 7,
  size: 8,
  blocks: 9,
  blksize: 10,
  atime: 11,
  btime: 12,
  ctime: 13,
  mtime: 14,
  rdevMajor: 15,
  rdevMinor: 16,
  devMajor: 17,
  devMinor: 18,
  mountId: 19,
  count: 20,
} as const

/** Indices in what `statfs` answers. */
export const StatfsField = {
  type: 0,
  bsize: 1,
  blocks: 2,
  bfree: 3,
  bavail: 4,
  files: 5,
  ffree: 6,
  fsid: 7,
  namelen: 8,
  frsize: 9,
  flags: 10,
  count: 11,
} as const
