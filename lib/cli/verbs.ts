import type { Verb } from './verb.ts'
import { apply } from './verbs/apply.ts'
import { changes } from './verbs/changes.ts'
import { cleanup } from './verbs/cleanup.ts'
import { completion } from './verbs/completion.ts'
import { convert } from './verbs/convert.ts'
import { create } from './verbs/create.ts'
import { diff } from './verbs/diff.ts'
import { doctor } from './verbs/doctor.ts'
import { flatten } from './verbs/flatten.ts'
import { ls } from './verbs/ls.ts'
import { mount } from './verbs/mount.ts'
import { mountinfo } from './verbs/mountinfo.ts'
import { mounts } from './verbs/mounts.ts'
import { probe } from './verbs/probe.ts'
import { rm } from './verbs/rm.ts'
import { run } from './verbs/run.ts'
import { size } from './verbs/size.ts'
import { status } from './verbs/status.ts'
import { tree } from './verbs/tree.ts'
import { umount } from './verbs/umount.ts'

/** Every verb, in the order in which help lists them: the way of a layer, then looking, then rescue. */
export const VERBS: readonly Verb[] = [
  create,
  apply,
  mount,
  umount,
  run,
  diff,
  rm,
  ls,
  tree,
  status,
  changes,
  size,
  mounts,
  flatten,
  convert,
  cleanup,
  probe,
  doctor,
  mountinfo,
  completion,
]
