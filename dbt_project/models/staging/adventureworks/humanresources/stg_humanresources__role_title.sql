{# The export knows job titles, not the roles of RACI tables: this is who fills which. A role without an exact title goes
   to whoever does that work here: the vice president of production leads the plant, scheduling plans production, and
   shipping and receiving holds both warehouse and logistics. #}
{% set roles = [
    ('buyer', 'Purchasing', 'Buyer'),
    ('ceo', 'Executive', 'Chief Executive Officer'),
    ('cfo', 'Executive', 'Chief Financial Officer'),
    ('data_owner', 'Information Services', 'Information Services Manager'),
    ('data_steward', 'Information Services', 'Database Administrator'),
    ('finance_analyst', 'Finance', 'Accountant'),
    ('finance_manager', 'Finance', 'Finance Manager'),
    ('hr_manager', 'Human Resources', 'Human Resources Manager'),
    ('it_manager', 'Information Services', 'Information Services Manager'),
    ('logistics_manager', 'Shipping and Receiving', 'Shipping and Receiving Supervisor'),
    ('plant_manager', 'Production', 'Vice President of Production'),
    ('production_manager', 'Production Control', 'Production Control Manager'),
    ('production_planner', 'Production Control', 'Master Scheduler'),
    ('production_planner', 'Production Control', 'Scheduling Assistant'),
    ('purchasing_manager', 'Purchasing', 'Purchasing Manager'),
    ('quality_engineer', 'Quality Assurance', 'Quality Assurance Technician'),
    ('quality_manager', 'Quality Assurance', 'Quality Assurance Manager'),
    ('sales_director', 'Sales', 'Vice President of Sales'),
    ('sales_manager', 'Sales', 'European Sales Manager'),
    ('sales_manager', 'Sales', 'North American Sales Manager'),
    ('sales_manager', 'Sales', 'Pacific Sales Manager'),
    ('sales_rep', 'Sales', 'Sales Representative'),
    ('warehouse_manager', 'Shipping and Receiving', 'Shipping and Receiving Supervisor'),
] %}

{% for role, department, title in roles -%}
select '{{ role }}' as role, '{{ department }}' as department_name, '{{ title }}' as job_title
{{ 'union all' if not loop.last }}
{% endfor %}
