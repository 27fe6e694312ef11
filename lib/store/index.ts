export { childrenOf, forgetChild, hasChildren, recordChild } from './children.ts'
export { deleteTree, orLater } from './deletion.ts'
export * from './files.ts'
export { isAbsent, refuseForeignContents } from './guard.ts'
export { checkLayerId, isLayerId } from './ids.ts'
export { Layout } from './layout.ts'
export { Locks } from './locks.ts'
export {
  corruptContents,
  formatChain,
  metadataMode,
  notFound,
  parseChain,
  readChain,
  readIds,
  readIntents,
  readParent,
} from './metadata.ts'
export { Mutex } from './mutex.ts'
export { checkRoot, locateRoot } from './root.ts'
export {
  type ConvertingStamp,
  noStore,
  readAnyStamp,
  readStamp,
  type Stamp,
  writeStamp,
  type XattrPrefix,
} from './stamp.ts'
export { type SyncLevel, wordOf } from './staging.ts'
export { checkStamp, Store } from './store.ts'
export { step } from './step.ts'
export { surveyLayers } from './survey.ts'
export { erase, settle } from './sweep.ts'
export { inTurns } from './turns.ts'
