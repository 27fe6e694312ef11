import { binding, setBinding } from '#lib/sys/binding.js'
import type { Native } from '#lib/sys/native.js'

/** A kernel that writes down what it is asked, and answers an errno where it is told to. */
export function fakeKernel(
  answers: Readonly<Record<string, (args: unknown[]) => unknown>> = {},
): unknown[][] {
  const asked: unknown[][] = []
  const { errnos, pageSize } = binding()
  const real: Readonly<Record<string, unknown>> = { errnos, pageSize }
  const double = new Proxy(real, {
    get: (target, name: string) => {
      if (name in target) return target[name]
      return (...args: unknown[]) => {
        asked.push([name, ...args])
        const call = name.replace(/Sync$/, '')
        const answer = answers[call]?.(args) ?? 0
        return name.endsWith('Sync') ? answer : Promise.resolve(answer)
      }
    },
  })
  setBinding(double as unknown as Native)
  return asked
}
