import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DataPiece, MountPlan, MountStep } from '../../mount/plan.ts'
import { statx, type SyscallError } from '../../sys/index.ts'
import { codeOf, present } from '../../store/index.ts'
import type { Stack } from '../driver.ts'
import { MAX_LOWERS } from './plan.ts'

/**
 * Looks for the cause of a failed overlay mount, since the kernel writes it only to its log: every path, what the layers are
 * to one another, and what an earlier mount left.
 *
 * @returns what is wrong, or the list of what is not.
 */
export async function explainOverlay(error: SyscallError, plan: MountPlan, stack: Stack): Promise<string> {
  const upper = plan.readOnly ? undefined : stack.layer.diff
  const work = plan.readOnly ? undefined : stack.layer.own('work')
  const layers = plan.readOnly ? [stack.layer.diff, ...stack.lowers] : stack.lowers
  const found =
    privilege(error) ??
    (await wrongPath([
      ...layers,
      ...(upper === undefined ? [] : [upper]),
      ...(work === undefined ? [] : [work]),
    ])) ??
    tooMany(layers) ??
    twice([...layers, ...(upper === undefined ? [] : [upper])]) ??
    (await wrongUpper(error, upper, work)) ??
    label(error, plan)
  if (found !== undefined) return found
  return (
    `all ${String(layers.length)} lower directories exist, none is there twice, upper and work are on one mount; ` +
    `the kernel's log may say more (${dataLength(plan.steps[0])} bytes of options)`
  )
}

function privilege(error: SyscallError): string | undefined {
  if (error.code !== 'EPERM') return undefined
  return 'mounting needs CAP_SYS_ADMIN in the mount namespace, and a sandbox (seccomp) may forbid it all the same'
}

async function wrongPath(paths: readonly string[]): Promise<string | undefined> {
  for (const path of paths) {
    try {
      if (!(await lstat(path)).isDirectory()) return `${path} is no directory`
    } catch (error) {
      return `${path} cannot be used: ${codeOf(error) ?? String(error)}`
    }
  }
  return undefined
}

function tooMany(layers: readonly string[]): string | undefined {
  if (layers.length <= MAX_LOWERS) return undefined
  return `${String(layers.length)} lower directories, and the kernel takes ${String(MAX_LOWERS)}`
}

function twice(paths: readonly string[]): string | undefined {
  const seen = new Set<string>()
  for (const path of paths) {
    if (seen.has(path)) return `${path} is there twice`
    seen.add(path)
  }
  return undefined
}

async function wrongUpper(
  error: SyscallError,
  upper: string | undefined,
  work: string | undefined,
): Promise<string | undefined> {
  if (upper === undefined || work === undefined) return undefined
  if ((await statx(upper)).mountId !== (await statx(work)).mountId)
    return `${upper} and ${work} are not on one mount`
  if (await present(join(work, 'work/incompat/volatile'))) {
    return (
      `${work} was used by a volatile mount, which may have lost data in a crash. ` +
      `With { overlay: { volatile: true } } it is made anew`
    )
  }
  if (error.code === 'EBUSY') return `${upper} or ${work} is in use by another overlay`
  if (error.code === 'ESTALE') return `${upper} was used with other lower directories, and its index knows it`
  return undefined
}

function label(error: SyscallError, plan: MountPlan): string | undefined {
  const words = plan.mounts.flatMap((mount) => mount.options)
  if (error.code !== 'EINVAL' || !words.some((word) => word.startsWith('context='))) return undefined
  return 'a mount label was given: it takes a kernel with SELinux, and a context that its policy knows'
}

function dataLength(step: MountStep | undefined): string {
  if (step?.call !== 'mount') return 'no limit of'
  const length = (piece: DataPiece): number => (typeof piece === 'string' ? Buffer.byteLength(piece) : 3)
  return String(step.data.reduce((sum, piece) => sum + length(piece), 0))
}
