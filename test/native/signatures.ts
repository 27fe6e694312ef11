/** What each argument is; `nothing` answers fail without doing harm (a bad descriptor, a path that is not there). */
export type Kind =
  | 'path'
  | 'path?'
  | 'int32'
  | 'uint32'
  | 'safe'
  | 'bigint'
  | 'time?'
  | 'boolean'
  | 'bytes'
  | 'numbers'
  | 'pack job'
  | 'views'
  | 'flatten job'
  | 'unpack job'

/** Every function of the addon. */
export const signatures: Readonly<Record<string, Kind[]>> = {
  mount: ['path?', 'path', 'path?', 'uint32', 'path?'],
  mountAt: ['path', 'path?', 'path', 'path?', 'uint32', 'path?'],
  umount2: ['path', 'int32'],
  newMount: ['path', 'numbers', 'bytes', 'uint32', 'safe'],
  reconfigure: ['int32', 'path', 'uint32', 'numbers', 'bytes'],
  bindCopy: ['path', 'path', 'boolean', 'bigint', 'bigint', 'bigint', 'bigint'],
  overlayInUse: ['path', 'path?'],
  mountOverlay: ['path?', 'path?', 'path', 'uint32', 'path'],
  mountNewOverlay: ['path?', 'path?', 'path', 'numbers', 'bytes', 'uint32'],
  openTree: ['int32', 'path', 'uint32'],
  moveMount: ['int32', 'path', 'int32', 'path', 'uint32'],
  mountSetattr: ['int32', 'path', 'uint32', 'bigint', 'bigint', 'bigint', 'int32'],
  mountinfo: ['path?'],
  mountsChanged: ['int32'],
  listMounts: ['int32'],
  aufsBranches: ['int32', 'path'],
  aufsUnions: ['path'],
  aufsFlush: ['int32', 'path', 'bytes', 'path?'],
  statx: ['int32', 'path', 'int32', 'uint32'],
  isMountRoot: ['path', 'int32'],
  statfs: ['path'],
  setLock: ['int32', 'int32', 'safe', 'safe'],
  getLock: ['int32', 'int32', 'safe', 'safe'],
  openat2: ['int32', 'path', 'safe', 'uint32', 'uint32'],
  close: ['int32'],
  mkdirat: ['int32', 'path', 'uint32'],
  unlinkat: ['int32', 'path', 'int32'],
  renameat2: ['int32', 'path', 'int32', 'path', 'uint32'],
  mknodat: ['int32', 'path', 'uint32', 'uint32', 'uint32'],
  utimensat: ['int32', 'path', 'time?', 'time?', 'int32'],
  syncfs: ['int32'],
  readFile: ['int32', 'path', 'safe'],
  readPair: ['path', 'path', 'safe'],
  findNames: ['path', 'path', 'path'],
  firstLines: ['path', 'safe'],
  getxattr: ['path', 'path', 'boolean'],
  setxattr: ['path', 'path', 'bytes', 'int32', 'boolean'],
  listxattr: ['path', 'boolean'],
  removexattr: ['path', 'path', 'boolean'],
  removeTree: ['int32', 'path'],
  copyTree: ['path', 'path', 'uint32'],
  findObstacles: ['path', 'uint32', 'boolean'],
  convertLayer: ['path', 'uint32', 'boolean'],
  flatten: ['bytes', 'path', 'uint32', 'uint32'],
  flattenRun: ['flatten job'],
  flattenProgress: ['flatten job'],
  flattenCancel: ['flatten job'],
  packTree: ['int32', 'int32', 'uint32', 'uint32'],
  packDifference: ['bytes', 'bytes', 'uint32', 'uint32'],
  packNext: ['pack job'],
  packInto: ['pack job', 'int32'],
  packCancel: ['pack job'],
  packProgress: ['pack job'],
  packWarnings: ['pack job'],
  viewsOf: ['bytes', 'bytes', 'uint32', 'uint32'],
  viewChanges: ['views'],
  viewChangedSize: ['views'],
  viewLayerSize: ['views'],
  viewsCancel: ['views'],
  listTar: ['bytes', 'numbers', 'bytes'],
  unpackStart: ['int32', 'uint32', 'bytes', 'bigint', 'boolean', 'bytes'],
  unpackPut: ['unpack job', 'bytes'],
  unpackReadFrom: ['unpack job', 'int32'],
  unpackRoom: ['unpack job'],
  unpackProgress: ['unpack job'],
  unpackEnd: ['unpack job'],
  unpackCancel: ['unpack job'],
}

/** Borrow their arguments, so they have no promise form. */
export const borrowing = new Set(['unpackPut'])
export const formsOf = (name: string): string[] =>
  (borrowing.has(name) ? [] : [name]).concat(`${name}Sync`)
