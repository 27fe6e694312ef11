import { DetachedMount } from '../mount/index.ts'
import { codeOf } from '../store/index.ts'

/** A directory as it is without what is mounted in it; undefined where this process may not copy mounts. */
export async function uncover(directory: string): Promise<DetachedMount | undefined> {
  try {
    return await DetachedMount.clone(directory)
  } catch (error) {
    if (['EPERM', 'ENOSYS', 'EINVAL'].includes(codeOf(error) ?? '')) return undefined
    throw error
  }
}
