import {
  checkRoot,
  checkStamp,
  Layout,
  locateRoot,
  Locks,
  noStore,
  readStamp,
  type Stamp,
  Store,
} from '../store/index.ts'
import { checkInteger, invalidType, invalidValue } from '../sys/arguments.ts'
import { GraphDriverError, SyscallError } from '../sys/index.ts'
import type { Driver, ProbeReport } from './driver.ts'
import type { GraphDriver, OpenOptions } from './graph-driver.ts'
import { LayeredDriver } from './layered.ts'
import { checkKnown, drivers, makeDriver } from './registry.ts'
import { withScratch } from './scratch.ts'

const SYNC_LEVELS = ['none', 'metadata', 'full'] as const

/** The work of `open`, see late.ts. */
export async function open(options: OpenOptions): Promise<GraphDriver> {
  checkOpenOptions(options)
  const { root, existing } = await locateRoot(options.root)
  const layout = new Layout(root)
  const stamp = root === existing ? await readStamp(layout) : undefined
  if (stamp !== undefined && options.driver !== undefined) checkName(layout, stamp, options.driver)
  if (options.readOnly === true) {
    if (root !== existing)
      throw new SyscallError('ENOENT', 'open', { path: root, detail: 'there is no store to read' })
    return openReadOnly(options, layout)
  }
  const { driver, report } = await choose(options, root, existing, stamp)
  if (stamp !== undefined) checkStamp(layout, stamp, { driver: driver.name, xattrs: driver.xattrs })
  const { group, sync = 'metadata' } = options
  const { directories, xattrs } = driver
  const store = await Store.open({ root, group, sync, driver: driver.name, directories, xattrs })
  try {
    const features = { ...report.features, ...(await driver.start?.(root)) }
    return new LayeredDriver(root, driver, features, { store, locks: store.locks })
  } catch (error) {
    await store.close()
    throw error
  }
}

/** The work of `probe`, see late.ts. */
export async function probe(root: string): Promise<ProbeReport[]> {
  checkRoot(root)
  const { root: real, existing } = await locateRoot(root)
  const reports: ProbeReport[] = []
  for (const name of drivers()) {
    reports.push(await tryDriver(await makeDriver(name, undefined), real, existing))
  }
  return reports
}

async function openReadOnly(options: OpenOptions, layout: Layout): Promise<GraphDriver> {
  const locks = await Locks.look(layout)
  try {
    // Behind the lock: it may have been converted just now.
    const stamp = await readStamp(layout)
    if (stamp === undefined) throw noStore(layout.root, 'read')
    if (options.driver !== undefined) checkName(layout, stamp, options.driver)
    const driver = await make(stamp.driver, options)
    driver.adopt?.(stamp.xattrs)
    return new LayeredDriver(layout.root, driver, {}, { locks })
  } catch (error) {
    await locks?.close()
    throw error
  }
}

/** The driver that the store has, or the one that was named, or the first that works. */
async function choose(
  options: OpenOptions,
  root: string,
  existing: string,
  stamp: Stamp | undefined,
): Promise<{ driver: Driver; report: ProbeReport }> {
  const wanted = stamp?.driver ?? options.driver
  const refusals: ProbeReport[] = []
  for (const name of wanted === undefined ? drivers() : [wanted]) {
    const driver = await make(name, options)
    driver.adopt?.(stamp?.xattrs ?? null)
    const report = await tryDriver(driver, root, existing)
    if (report.supported) return { driver, report }
    refusals.push(report)
  }
  throw refused(refusals)
}

function make(name: string, options: OpenOptions): Promise<Driver> {
  return makeDriver(name, (options as unknown as Record<string, unknown>)[name])
}

async function tryDriver(driver: Driver, root: string, existing: string): Promise<ProbeReport> {
  const refusal = driver.refuse?.(root)
  if (refusal !== undefined) return refusal
  return withScratch(existing, (directory) => driver.probe(directory))
}

function refused(reports: readonly ProbeReport[]): GraphDriverError {
  const [first] = reports
  const why = reports.map(({ driver, reason }) => `${driver}: ${reason ?? 'no reason given'}`).join('; ')
  return new GraphDriverError(
    first?.code ?? 'ERR_DRIVER_NOT_SUPPORTED',
    `no driver works on this root: ${why}`,
    {
      ...(first?.cause === undefined ? {} : { cause: first.cause }),
    },
  )
}

function checkName(layout: Layout, stamp: Stamp, driver: string): void {
  checkKnown(driver)
  checkStamp(layout, stamp, { driver, xattrs: stamp.xattrs })
}

function checkOpenOptions(options: OpenOptions): void {
  if (typeof options !== 'object' || (options as unknown) === null)
    throw invalidType('options', 'of type object', options)
  checkRoot(options.root)
  const { driver, readOnly, group, sync } = options
  if (driver !== undefined && typeof driver !== 'string')
    throw invalidType('options.driver', 'of type string', driver)
  if (driver !== undefined) checkKnown(driver)
  if (readOnly !== undefined && typeof readOnly !== 'boolean') {
    throw invalidType('options.readOnly', 'of type boolean', readOnly)
  }
  if (group !== undefined) checkInteger(group, 'options.group', 0, 0xfffffffe)
  if (sync !== undefined && !SYNC_LEVELS.includes(sync)) {
    throw invalidValue('options.sync', `must be one of ${SYNC_LEVELS.join(', ')}`, sync)
  }
}
