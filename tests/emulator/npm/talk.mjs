// Talks to the emulator with dynamics-web-api and prints, as one JSON object, what each step gave.
import { DynamicsWebApi } from "dynamics-web-api";

const [serverUrl] = process.argv.slice(2);
const api = new DynamicsWebApi({ serverUrl, dataApi: { version: "9.2" }, onTokenRefresh: async () => "anything" });
const told = {};
const GONE = "11111111-2222-3333-4444-555555555555";
const crm = (name) => `Microsoft.Dynamics.CRM.${name}`;

async function step(name, work) {
  try {
    const result = await work();
    told[name] = result === undefined ? null : result;
    return result;
  } catch (error) {
    told[name] = { status: error.status, code: error.code, message: error.message };
    return undefined;
  }
}

const contact = await step("create", () =>
  api.create({ collection: "contacts", data: { firstname: "Ann", lastname: "Doe", emailaddress1: "ann@x.org" } }));
await step("create and show", () =>
  api.create({ collection: "contacts", data: { lastname: "Roe" }, returnRepresentation: true, select: ["lastname"] }));
await step("retrieve", () =>
  api.retrieve({ collection: "contacts", key: contact, select: ["fullname", "donotemail"], includeAnnotations: "*" }));
await step("expand", () =>
  api.retrieve({ collection: "contacts", key: contact, select: ["lastname"],
    expand: [{ property: "ownerid", select: ["fullname"] }] }));
await step("update", () => api.update({ collection: "contacts", key: contact, data: { jobtitle: "Boss" } }));
await step("update and show", () =>
  api.update({ collection: "contacts", key: contact, data: { jobtitle: "Chief" }, returnRepresentation: true,
    select: ["jobtitle"] }));
await step("update a stale version", () =>
  api.update({ collection: "contacts", key: contact, data: { jobtitle: "x" }, ifmatch: 'W/"1"' }));
await step("update one column", () =>
  api.updateSingleProperty({ collection: "contacts", key: contact, fieldValuePair: { department: "Sales" } }));
await step("upsert", () => api.upsert({ collection: "contacts", key: GONE, data: { lastname: "Poe" } }));
await step("upsert what is there", () =>
  api.upsert({ collection: "contacts", key: GONE, data: { lastname: "x" }, ifnonematch: "*" }));
await step("multiple", () =>
  api.retrieveMultiple({ collection: "contacts", select: ["lastname"], orderBy: ["lastname desc"], count: true,
    filter: "lastname eq 'Doe' or contains(lastname,'oe')", maxPageSize: 2 }));
await step("all", () => api.retrieveAll({ collection: "contacts", select: ["lastname"], orderBy: ["lastname"] }));
await step("count", () => api.count({ collection: "contacts" }));
await step("count some", () => api.count({ collection: "contacts", filter: "lastname eq 'Doe'" }));
await step("fetch", () =>
  api.fetchAll({ collection: "contacts", includeAnnotations: "Microsoft.Dynamics.CRM.fetchxmlpagingcookie",
    fetchXml: "<fetch count='2'><entity name='contact'><attribute name='lastname'/></entity></fetch>" }));
const account = await step("account", () => api.create({ collection: "accounts", data: { name: "Contoso" } }));
await step("associate", () =>
  api.associate({ collection: "accounts", primaryKey: account, relationshipName: "contact_customer_accounts",
    relatedCollection: "contacts", relatedKey: contact }));
await step("associated", () =>
  api.retrieve({ collection: "contacts", key: contact, select: ["_parentcustomerid_value"], includeAnnotations: "*" }));
await step("disassociate", () =>
  api.disassociate({ collection: "accounts", primaryKey: account, relationshipName: "contact_customer_accounts",
    relatedKey: contact }));
await step("associate one", () =>
  api.associateSingleValued({ collection: "contacts", primaryKey: contact, relatedCollection: "accounts",
    navigationProperty: "parentcustomerid_account", relatedKey: account }));
await step("navigate", () =>
  api.retrieve({ collection: "contacts", key: contact, navigationProperty: "parentcustomerid_account",
    select: ["name"] }));
await step("disassociate one", () =>
  api.disassociateSingleValued({ collection: "contacts", primaryKey: contact,
    navigationProperty: "parentcustomerid_account" }));
const me = await step("who am I", () => api.callFunction("WhoAmI"));
await step("bound function", async () => {
  const name = crm("RetrieveUserPrivileges");
  return (await api.callFunction({ collection: "systemusers", key: me.UserId, name })).RolePrivileges.length;
});
const list = await step("list", () => api.create({ collection: "lists", data: { listname: "News", createdfromcode: 2 } }));
await step("bound action", () =>
  api.callAction({ collection: "lists", key: list, actionName: crm("AddMemberList"), action: { EntityId: contact } }));
await step("members", () =>
  api.retrieveMultiple({ collection: "listmembers", filter: `_listid_value eq ${list}`, select: ["_entityid_value"] }));
await step("unbound action", () =>
  api.callAction({ actionName: "RemoveListMembersList", action: {
    List: { listid: list, "@odata.type": crm("list") },
    Members: [{ contactid: contact, "@odata.type": crm("contact") }] } }));
await step("bulk", () =>
  api.callAction({ collection: "contacts", actionName: crm("CreateMultiple"),
    action: { Targets: [{ "@odata.type": crm("contact"), lastname: "Bulk" }] } }));

api.startBatch();
api.create({ collection: "contacts", data: { lastname: "Parent" }, contentId: "1" });
api.create({ collection: "contacts", data: { lastname: "Child", "parentcustomerid_contact@odata.bind": "$1" } });
api.update({ collection: "contacts", key: contact, data: { jobtitle: "Batched" } });
api.retrieveMultiple({ collection: "contacts", select: ["lastname"], filter: "lastname eq 'Child'",
  expand: [{ property: "parentcustomerid_contact", select: ["lastname"] }] });
api.callFunction("WhoAmI");
await step("batch", () => api.executeBatch());
api.startBatch();
api.retrieve({ collection: "contacts", key: "99999999-2222-3333-4444-555555555555" });
api.callFunction("WhoAmI");
await step("batch with a failure", async () =>
  (await api.executeBatch({ continueOnError: true })).map((part) => part.status ?? part.UserId));

await step("entity", () =>
  api.retrieveEntity({ key: "LogicalName='contact'", select: ["LogicalName", "EntitySetName"],
    expand: [{ property: "Attributes", select: ["LogicalName"], filter: "LogicalName eq 'lastname'" }] }));
await step("entities", async () =>
  (await api.retrieveEntities({ select: ["LogicalName"],
    filter: "OwnershipType eq Microsoft.Dynamics.CRM.OwnershipTypes'UserOwned'" })).value.map((row) => row.LogicalName));
await step("attribute", () =>
  api.retrieveAttribute({ entityKey: "LogicalName='contact'", attributeKey: "LogicalName='lastname'",
    castType: crm("StringAttributeMetadata"), select: ["LogicalName", "MaxLength"] }));
await step("choices", async () =>
  (await api.retrieveAttributes({ entityKey: "LogicalName='msdynmkt_contactpointconsent4'",
    castType: crm("PicklistAttributeMetadata"), select: ["LogicalName"],
    expand: [{ property: "OptionSet", select: ["Options"] }] }))
    .value.map((row) => [row.LogicalName, row.OptionSet.Options.length]));
await step("relationships", async () =>
  (await api.retrieveRelationships({ castType: crm("OneToManyRelationshipMetadata"), select: ["SchemaName"],
    filter: "ReferencedEntity eq 'account'" })).value.map((row) => row.SchemaName));
await step("relationship", () => api.retrieveRelationship({ key: "SchemaName='listcontact_association'" }));
await step("changes", () => api.retrieveMultiple({ collection: "contacts", select: ["lastname"], trackChanges: true }));
await step("delete a column's value", () =>
  api.deleteRecord({ collection: "contacts", key: contact, fieldName: "jobtitle" }));
await step("delete", () => api.deleteRecord({ collection: "contacts", key: contact }));
await step("delete again", () => api.deleteRecord({ collection: "contacts", key: contact }));
console.log(JSON.stringify(told));
