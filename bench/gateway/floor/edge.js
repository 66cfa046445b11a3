/** The edge of the bare program: one fetch over a service binding. */
export default {
  /**
   * @param {Request} request
   * @param {{ REGION: Fetcher }} env
   */
  fetch(request, env) {
    return env.REGION.fetch(request);
  },
};
