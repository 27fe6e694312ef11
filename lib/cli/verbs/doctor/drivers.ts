import { xinoCandidates } from '../../../drivers/aufs/xino.ts'
import { probe, type ProbeReport } from '../../../index.ts'
import { codeOf } from '../../../store/index.ts'
import { remedyOf } from '../../explain.ts'
import { formatBytes } from '../../format.ts'
import { type Finding, finding } from './finding.ts'

/**
 * Which drivers work on a root, by trying them.
 *
 * @param wanted the driver of the store, or the one that was asked for: without it nothing works.
 */
export async function examineDrivers(root: string, wanted: string | undefined): Promise<Finding[]> {
  let reports: ProbeReport[]
  try {
    reports = await probe(root)
  } catch (error) {
    return [
      finding('drivers', 'Drivers', `not tried: ${codeOf(error) ?? 'failed'}`, {
        // To be looked at, a store needs no driver.
        status: codeOf(error) === 'EROFS' ? 'warning' : 'error',
        reason: error instanceof Error ? error.message : String(error),
        remedy: remedyOf(codeOf(error) ?? '') ?? 'Name a root that can be written.',
      }),
    ]
  }
  const aufs = reports.some(({ driver, supported }) => driver === 'aufs' && supported)
  return [
    ...reports.map((report) => judgeDriver(report, wanted)),
    judgeXino(await xinoCandidates(root), aufs),
  ]
}

export function judgeDriver(
  { driver, supported, code, reason, features }: ProbeReport,
  wanted?: string,
): Finding {
  const title = `Driver ${driver}`
  if (supported) {
    const facts = Object.entries(features).map(([label, value]) => `${label}: ${value}`)
    return finding(`driver-${driver}`, title, ['works', ...facts].join('; '))
  }
  return finding(`driver-${driver}`, title, code ?? 'does not work', {
    status: driver === wanted ? 'error' : 'warning',
    reason: reason ?? 'no reason given',
    remedy: remedyOf(code ?? '') ?? 'Use another driver.',
  })
}

/** Where aufs can keep its tables of inode numbers, and the room there. */
export function judgeXino(
  candidates: Awaited<ReturnType<typeof xinoCandidates>>,
  aufsWorks: boolean,
): Finding {
  const title = 'Places for xino (aufs)'
  const found = candidates
    .map(({ directory, fault, freeBytes }) => `${directory}: ${fault ?? `${formatBytes(freeBytes)} free`}`)
    .join('; ')
  if (!aufsWorks || candidates.some(({ fault }) => fault === undefined)) return finding('xino', title, found)
  return finding('xino', title, found, {
    status: 'warning',
    reason:
      'unions are mounted without, so inode numbers change and hard links across layers are not known as such',
    remedy:
      'Make room in /run or /dev/shm, mount a tmpfs there, or name a directory on ext4, f2fs or tmpfs: { aufs: { xino: directory } }.',
  })
}
