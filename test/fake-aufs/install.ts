import { fileURLToPath } from 'node:url'
import { setBinding } from '#lib/sys/binding.js'
import { StagedKernel } from './staged.ts'

/** Names the directory of a fake kernel for this process and its children. */
const VARIABLE = 'GRAPHDRIVER_FAKE_AUFS'

/** Puts a fake kernel behind the binding of this process and of those that it starts; answers how to take it away. */
export function installFake(directory: string): () => void {
  process.env[VARIABLE] = directory
  setBinding(new StagedKernel(directory).native)
  return () => {
    Reflect.deleteProperty(process.env, VARIABLE)
    setBinding(undefined)
  }
}

/** Whether this process has one. */
export function isFake(): boolean {
  return process.env[VARIABLE] !== undefined
}

/** What Node has to be started with so that a child has the same kernel; nothing where it is real. */
export function fakeArguments(): string[] {
  if (!isFake()) return []
  return ['--import', 'tsx', '--import', fileURLToPath(new URL('inherit.ts', import.meta.url))]
}

/** The same kernel as the parent's. */
export function inheritFake(): void {
  const directory = process.env[VARIABLE]
  if (directory !== undefined) setBinding(new StagedKernel(directory).native)
}
