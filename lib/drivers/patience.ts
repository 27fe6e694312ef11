import { setTimeout as sleep } from 'node:timers/promises'
import { codeOf } from '../store/index.ts'

/** Two and a half seconds in all. */
const DELAYS_MS = [5, 10, 20, 40, 80, 160, 320, 640, 1280]

/** Tries again while it fails with one of these codes, for a while; then it fails so. */
export async function patiently<T>(codes: readonly string[], work: () => Promise<T>): Promise<T> {
  for (const ms of DELAYS_MS) {
    try {
      return await work()
    } catch (error) {
      if (!codes.includes(codeOf(error) ?? '')) throw error
    }
    await sleep(ms)
  }
  return work()
}
